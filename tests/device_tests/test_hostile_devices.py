"""Hostile devices cost a worker little memory, time and log, and others nothing."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of
from openwisp_firmware_upgrader.testing.fleet import greeting_faults

pytestmark = pytest.mark.usefixtures("project")
MIB = 1024 * 1024
BEFORE, AFTER = release_of("1.0", "r1"), release_of("2.0", "r2")
# a device may hold a slot so long at a time
FREE_WITHIN = 60
# MB by which a worker may grow, whatever all of them send
MEMORY = 20
# healthy devices may take so much longer beside the hostile ones
SLOWER, SECONDS_MORE = 2, 10
# parts of commands
IDENTITY, FLASH = "uci get", "sysupgrade -v"
OTHERS_UUID = "00000000-0000-4000-8000-00000000dead"
GREETINGS = (*greeting_faults.GREETING_FAULTS, *greeting_faults.LOGIN_FAULTS)
OUTPUTS = (
    *("endless_stdout", "endless_stderr", "endless_after_status", "drip", "silent"),
    *("forged", "forged_failure"),
)
HOSTILE = {
    **{name: {"greeting_fault": name} for name in GREETINGS},
    **{name: {"output_fault": name, "output_fault_in": IDENTITY} for name in OUTPUTS},
    "wrong_uuid": {"reports_uuid": OTHERS_UUID},
    "long_uuid": {"reports_uuid": "\udcff\udcc3x" * 80_000},
    "flooding_flash": {"output_fault": "endless_stdout", "output_fault_in": FLASH},
    "forging_flash": {"output_fault": "forged", "output_fault_in": FLASH},
}
FLASHED = ("flooding_flash", "forging_flash")
HEALTHY = 3
# those of the controller, not of our quick tests
SSH = '{"CONNECTION_TIMEOUT": 5, "BANNER_TIMEOUT": 60, "AUTH_TIMEOUT": 2}'


def peak(pid: int) -> int:
    """Returns the largest resident set a process had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


class Run:
    """Upgrades watched together.

    Arguments:
        started: the operations.
        decisive: the keys of those whose end is waited for; of all others, until
            they were let go once.
        seconds: how long that may take.
    """

    def __init__(self, started, decisive, seconds):
        from stack import watch

        self._began = time.monotonic()
        self._let_go = set()
        pks = [each.pk for each in started]

        def is_over(rows):
            self._note(rows)
            open_rows = [row for row in rows if row.status == "in-progress"]
            return len(self._let_go) == len(pks) and not any(
                row.pk in decisive for row in open_rows
            )

        self.samples = watch.watch(pks, seconds, until=is_over)
        self.now = time.monotonic()
        self.rows = type(started[0]).objects.select_related("device").in_bulk(pks)

    def _note(self, rows):
        for row in rows:
            is_free = row.lease_expires_at is None
            if row.runs and is_free:
                self._let_go.add(row.pk)

    def longest_hold(self):
        """Returns for how long one of them held a slot at most."""
        return max(each.longest_hold(self.now) for each in self.samples.values())

    def seconds_of(self, operations):
        """Returns how long these took from the launch to their end."""
        ends = (self.samples[each.pk].moves[-1] for each in operations)
        return [seconds - self._began for seconds, _phase, _held in ends]


@pytest.fixture(scope="module")
def crowd(project):
    """Healthy devices alone, then as many beside all hostile ones."""
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("Crowd"), name="crowd")
    owner = firmware.category.organization
    number = 2 * HEALTHY + len(HOSTILE)
    with FleetProcess(devices=number, boot_time=1, release=BEFORE) as fleet:
        devices = inventory.register(owner, fleet, firmware.old)
        alone, beside = devices[:HEALTHY], devices[HEALTHY : 2 * HEALTHY]
        hostile = dict(zip(HOSTILE, devices[2 * HEALTHY :], strict=True))
        worker = project.worker(slots=number - HEALTHY, FIRMWARE_SSH_SETTINGS=SSH)
        seconds = upgrade(alone, firmware.new)
        # as many threads and connections as later
        upgrade(hostile.values(), firmware.new)
        before = peak(worker.process.pid)
        for name, device in hostile.items():
            fleet.set(device.pk, **HOSTILE[name])
        bad = [inventory.start(each, firmware.old) for each in hostile.values()]
        good = [inventory.start(each, firmware.new) for each in beside]
        ends = {each.pk for each in good}
        ends |= {each.pk for each in bad if hostile_name(hostile, each) in FLASHED}
        run = Run([*bad, *good], ends, 150)
        grown = peak(worker.process.pid) - before
        log = worker.process.log.read_text(errors="replace")
        reports = {name: fleet.device(each.pk) for name, each in hostile.items()}
    project.stop_workers()
    return SimpleNamespace(
        alone=seconds,
        beside=run.seconds_of(good),
        hold=run.longest_hold(),
        good=[run.rows[each.pk] for each in good],
        bad={hostile_name(hostile, each): run.rows[each.pk] for each in bad},
        grown=grown,
        log=log,
        reports=reports,
    )


def upgrade(devices, image):
    """Upgrades healthy devices; returns the seconds each took."""
    from stack import inventory

    started = [inventory.start(each, image) for each in devices]
    run = Run(started, {each.pk for each in started}, 120)
    assert {row.status for row in run.rows.values()} == {"success"}
    return run.seconds_of(started)


def hostile_name(hostile, operation):
    """Returns what the device of an operation does."""
    return next(n for n, each in hostile.items() if each.pk == operation.device_id)


def test_s9_the_memory_of_the_worker_stays_small(crowd):
    grown = crowd.grown / MIB
    print(f"grown by {grown:.1f} MB")
    assert grown < MEMORY, f"grown by {grown:.1f} MB"


def test_s9_the_log_of_the_worker_stays_small(crowd):
    assert len(crowd.log) < MIB, f"{len(crowd.log)} characters of log"


def test_s9_slots_are_free_within_a_minute(crowd):
    assert crowd.hold < FREE_WITHIN


def test_s9_other_devices_are_not_delayed(crowd):
    assert {row.status for row in crowd.good} == {"success"}
    limit = SLOWER * max(crowd.alone) + SECONDS_MORE
    assert max(crowd.beside) < limit, (crowd.alone, crowd.beside)


@pytest.mark.parametrize("name", HOSTILE)
def test_s9_a_hostile_device_has_an_honest_end(crowd, name):
    row, report = crowd.bad[name], crowd.reports[name]
    flashes = [each for each in report.commands if FLASH in each.text]
    assert row.status in ("in-progress", "aborted", "failed"), row.log
    # one was of the time when it was healthy
    assert len(flashes) == 1 + (name in FLASHED), row.log
    assert report.release == AFTER
    assert "Unexpected error" not in row.log


@pytest.mark.parametrize("name", GREETINGS)
def test_s9_the_reason_is_stored_clean(crowd, name):
    from openwisp_firmware_upgrader.foreign_text import visible

    row = crowd.bad[name]
    assert row.evidence.get("failures"), row.log
    reason = row.device.deviceconnection_set.get().failure_reason
    assert reason
    assert len(reason) < 2000
    assert visible(reason) == reason


@pytest.mark.parametrize("name", ["wrong_uuid", "long_uuid", "forged"])
def test_s9_another_device_is_never_flashed(crowd, name):
    row = crowd.bad[name]
    assert row.status == "aborted", row.log
    assert "Another device answers at this address; nothing was changed." in row.log
    assert len(row.log) < 1000
    if name == "wrong_uuid":
        assert f"found {OTHERS_UUID}" in row.log


def test_s9_a_flooding_flash_is_verified_not_repeated(crowd):
    row = crowd.bad["flooding_flash"]
    assert row.evidence["flash_answer"]["kind"] == "undecided"
    assert "did not reboot" in row.log
    assert "262144 bytes" in crowd.bad["endless_stdout"].log


def test_s9_devices_wait_for_a_slot_of_hostile_ones_no_longer(project):
    """Fewer slots than devices: the hostile ones are first, and hold them all."""
    from stack import inventory

    holding = ("drip", "silent")
    firmware = inventory.Firmware(inventory.organization("Queue"), name="queue")
    owner, number = firmware.category.organization, len(holding) + 2
    with FleetProcess(devices=number, boot_time=1, release=BEFORE) as fleet:
        devices = inventory.register(owner, fleet, firmware.old)
        for name, device in zip(holding, devices, strict=False):
            fleet.set(device.pk, **HOSTILE[name])
        bad = [inventory.start(each, firmware.new) for each in devices[: len(holding)]]
        project.worker(slots=len(holding))
        rows = type(bad[0]).objects.filter(pk__in=[each.pk for each in bad])
        held = rows.filter(lease_expires_at__isnull=False)
        wait_for(lambda: held.count() == len(holding), "the slots to be taken", 60, 0.1)
        good = [inventory.start(each, firmware.new) for each in devices[len(holding) :]]
        run = Run([*bad, *good], {each.pk for each in good}, FREE_WITHIN + 60)
    project.stop_workers()
    assert {run.rows[each.pk].status for each in good} == {"success"}
    assert run.longest_hold() < FREE_WITHIN
