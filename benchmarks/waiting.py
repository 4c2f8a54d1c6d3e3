"""What a worker does while many devices reboot, and how late their proofs begin.

``.work/venv/bin/python benchmarks/waiting.py 1000``
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
from kit import Meter  # noqa: E402
from stack import Project  # noqa: E402

SIZES = (10, 1000)
SECONDS = 30


def rows_in_reboot(number: int):
    """Returns operations that wait for the reboot of their devices."""
    from django.utils import timezone
    from stack import inventory
    from swapper import load_model as load_any_model

    from openwisp_firmware_upgrader.swapper import load_model

    owner = inventory.organization(f"Waiting{number}")
    firmware = inventory.Firmware(owner, name=f"waiting {number}")
    inventory.register_unreachable(firmware, number)
    devices = load_any_model("config", "Device").objects.filter(organization=owner)
    model = load_model("UpgradeOperation")
    later = timezone.now() + timedelta(hours=1)
    model.objects.bulk_create(
        model(
            device=device,
            image=firmware.new,
            phase="reboot",
            progress=65,
            runs=1,
            next_run_at=later,
            evidence={"flash_sent_at": "2026-01-01T00:00:00Z"},
        )
        for device in devices
    )
    return model.objects.filter(image=firmware.new)


def measure(project, number: int) -> dict:
    """Returns what a worker with four slots does meanwhile."""
    rows = rows_in_reboot(number)
    worker = project.worker(slots=4)
    time.sleep(5)
    pids = {
        "workers": [worker.process.pid],
        "database": [project.database.process.pid],
        "redis": [project.redis.process.pid],
    }
    with Meter(project, pids) as meter:
        time.sleep(SECONDS)
    found = meter.per_device(1)
    late = lateness(rows)
    project.stop_workers()
    rows.update(status="aborted", phase="done", next_run_at=None, lease_expires_at=None)
    return {
        "devices in reboot": number,
        "seconds": SECONDS,
        **found,
        **meter.memory(),
        "seconds late, median": round(statistics.median(late), 2),
        "seconds late, worst": round(max(late), 2),
    }


def lateness(rows) -> list[float]:
    """Returns how long after their time twenty proofs began, one a second."""
    from django.utils import timezone

    chosen = list(rows.values_list("pk", flat=True)[:20])
    start = timezone.now() + timedelta(seconds=1)
    dues = {pk: start + timedelta(seconds=n) for n, pk in enumerate(chosen)}
    for pk, due in dues.items():
        rows.filter(pk=pk).update(next_run_at=due)
    # the wake-up that the first half leaves behind for its own second half
    from openwisp_firmware_upgrader.state import wakeups

    for pk, due in dues.items():
        wakeups.upgrade(pk, 1, (due - timezone.now()).total_seconds())
    late: dict = {}
    while len(late) < len(chosen):
        for pk in rows.filter(pk__in=chosen, runs__gt=1).values_list("pk", flat=True):
            late.setdefault(pk, (timezone.now() - dues[pk]).total_seconds())
        time.sleep(0.02)
    return list(late.values())


def main(arguments: list[str]) -> None:
    """Prints one line of JSON per size."""
    project = Project("postgres", {"FIRMWARE_LEASE": {"seconds": 60, "tick": 5}})
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        for number in arguments or SIZES:
            print(json.dumps(measure(project, int(number))))
    finally:
        project.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
