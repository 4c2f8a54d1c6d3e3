"""Compares what the database claims with what the devices remember."""

from __future__ import annotations

from openwisp_firmware_upgrader.images import sha256_and_size
from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.testing.fleet.client import FleetError

UNKNOWN = "not known whether"
DIED = "the worker died"
# what may cost a run its lease, besides a machine that is too busy
HITS_WORKERS = ("sigkill", "sigterm", "pause", "steal", "postgres_restart")
# what neither a device nor a worker nor a user can be blamed for
MESSAGES_ONLY = {"duplicates", "reordered", "stale", "redis_flush"}
SLACK = 3
ENDED = ("success", "failed", "aborted", "cancelled")


def judge(run, rows) -> list[str]:
    """Returns every claim that is not true, in words.

    Arguments:
        run: the run, whose devices are asked.
        rows: its operations, fresh from the database.
    """
    found = []
    try:
        run.fleet.wait_state("up", timeout=8)
    except FleetError as error:
        found.append(str(error))
    ledger = run.fleet.ledger()
    for number, device in enumerate(run.devices):
        mine = [row for row in rows if str(row.device_id) == str(device.pk)]
        report = ledger[device.pk]
        label = f"{device.name} ({run.plan.devices[number]})"
        problems = judge_device(run, mine, report, run.plan.devices[number])
        found += [f"{label}: {problem}" for problem in problems]
    found += judge_batch(run, rows)
    return found + judge_images(run)


def judge_device(run, rows, report, fault: str) -> list[str]:
    """Returns what is wrong with one device and its operations."""
    found = []
    if not rows:
        found.append("has no operation")
    for row in rows:
        if row.status not in ENDED or row.phase != "done" or row.next_run_at:
            found.append(f"has not ended: {row.status} {row.phase} {row.next_run_at}")
        if row.pk in run.cancelled and row.status != "cancelled":
            found.append(f"was cancelled and is {row.status}")
        if row.status == "success" and row.progress != 100:
            found.append(f"success at {row.progress} percent")
        if DIED in row.log and row.attempts > SLACK + hits_workers(run.plan):
            found.append(f"no worker died {row.attempts} times")
        if row.status == "cancelled" and row.evidence.get("flash_sent_at"):
            found.append("was cancelled after the flash")
    announced = sum(bool(row.evidence.get("flash_sent_at")) for row in rows)
    if len(report.flashes) > announced:
        found.append(f"flashed {len(report.flashes)} times, announced {announced}")
    corrupt = [f for f in report.flashes if f.sha256 != run.image.checksum]
    if corrupt:
        found.append(f"a corrupt image was flashed: {corrupt}")
    if fault == "none":
        found += judge_healthy(run, rows, report)
    return found + judge_claims(run, rows, report, fault)


def judge_healthy(run, rows, report) -> list[str]:
    """Returns what a device without a fault of its own cannot have caused."""
    found = []
    # a relaunched upgrade may find the first one still running
    if not run.plan.has("relaunch"):
        found += ["aborted for no reason" for r in rows if r.status == "aborted"]
    if {fault.kind for fault in run.plan.faults} <= MESSAGES_ONLY:
        found += ["failed for no reason" for r in rows if r.status == "failed"]
        if report.max_sessions > 1:
            found.append(f"{report.max_sessions} sessions at once")
    return found


def hits_workers(plan) -> int:
    """Returns how many faults of a plan may end the run of an operation."""
    return sum(fault.kind in HITS_WORKERS for fault in plan.faults)


def judge_claims(run, rows, report, fault: str) -> list[str]:
    """Compares what rows say about the firmware with what the device runs."""
    found = []
    row = load_model("DeviceFirmware").objects.get(device_id=report.uuid)
    succeeded = [r for r in rows if r.status == "success"]
    unknown = [r for r in rows if r.status == "failed" and UNKNOWN in r.log]
    runs_new = bool(report.flashes) and report.release == run.after
    if fault == "back_with_old_firmware":
        runs_new = False
    if succeeded and not runs_new:
        found.append(f"success, but the device runs {report.release}")
    if succeeded and report.marker != run.image.checksum:
        found.append(f"success, but the marker is {report.marker}")
    if not succeeded and not unknown and runs_new:
        found.append(f"no success, but the device runs {report.release}")
    if row.installed and row.image_id == run.image.pk:
        if not (succeeded or unknown):
            found.append("installed without success")
    elif len(rows) == 1 and succeeded:
        found.append("success without installed")
    return found


def judge_batch(run, rows) -> list[str]:
    """Compares the status of the mass upgrade with its operations."""
    statuses = {row.status for row in rows if row.batch_id == run.batch.pk}
    if statuses & {"failed", "aborted"}:
        expected = "failed"
    elif "cancelled" in statuses:
        expected = "cancelled"
    else:
        expected = "success"
    found = []
    if run.batch.status != expected:
        found.append(f"the batch is {run.batch.status}, not {expected}: {statuses}")
    mine = [row.device_id for row in rows if row.batch_id == run.batch.pk]
    if len(mine) != len(set(mine)):
        found.append("a device has two operations in the batch")
    if len(set(mine)) != len(run.devices) and not run.plan.has("relaunch"):
        found.append(f"{len(set(mine))} of {len(run.devices)} devices in the batch")
    return found


def judge_images(run) -> list[str]:
    """Every image with a row must be whole, whatever the disk did."""
    rows = load_model("FirmwareImage").objects
    found = []
    for image in rows.filter(build__category__organization=run.owner):
        with image.file.open("rb") as file:
            if sha256_and_size(file) != (image.checksum, image.size):
                found.append(f"{image.file.name} is not the image that was stored")
    return found


def evidence(run, rows) -> str:
    """Returns the logs of a run that went wrong."""
    ledger = run.fleet.ledger()
    parts = []
    for row in rows:
        report = ledger[row.device_id]
        parts.append(
            f"--- {row.device.name} {row.status} {row.phase} progress {row.progress} "
            f"runs {row.runs} attempts {row.attempts}\n{row.evidence}\n{row.log}\n"
            f"flashes {report.flashes}\nrelease {report.release} boots {report.boots} "
            f"state {report.state} marker {report.marker}"
        )
    for worker in run.project.workers:
        parts.append(f"--- {worker.name}\n{worker.process.tail(60)}")
    return "\n".join(parts)
