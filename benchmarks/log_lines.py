"""Log lines of one operation while its mass upgrade is small or large.

``.work/venv/bin/python benchmarks/log_lines.py 10 10000``
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
from stack import Project  # noqa: E402 see above

SIZES = (10, 10_000)
LINES = 20


def measure(number: int) -> dict:
    """Returns what twenty lines cost in a batch of so many operations."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from stack import inventory

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch
    from openwisp_firmware_upgrader.state import keeper, leases
    from openwisp_firmware_upgrader.state.run import Run

    owner = inventory.organization(f"Lines{number}")
    firmware = inventory.Firmware(owner, name=f"lines {number}")
    inventory.register_unreachable(firmware, number)
    batch = create_batch(firmware.new_build, False)
    batch.upgrade(firmwareless=False)
    rows = batch.upgradeoperation_set.select_related("device", "batch")
    operation = rows.select_related("image__build__category").defer("log").first()
    claimed = leases.claim(operation.pk, seconds=600)
    with keeper.running(Run(operation, claimed, limit=600, lease=600)):
        operation.log_line("the first one is not measured")
        with CaptureQueriesContext(connection) as queries:
            start = time.monotonic()
            for line in range(LINES):
                operation.log_line(f"line {line} of what the device says")
            seconds = time.monotonic() - start
    return {
        "operations in the batch": number,
        "lines": LINES,
        "queries": len(queries),
        "milliseconds": round(1000 * seconds, 1),
        "ms per line": round(1000 * seconds / LINES, 2),
    }


def main(arguments: list[str]) -> None:
    """Prints one line of JSON per size."""
    project = Project("postgres")
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        for number in arguments or SIZES:
            print(json.dumps(measure(int(number))))
    finally:
        project.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
