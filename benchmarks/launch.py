"""Launch of mass upgrades of growing size: queries and time per device.

``.work/venv/bin/python benchmarks/launch.py 100 1000 10000``
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

SIZES = (100, 1000, 10_000)


def measure(number: int) -> dict:
    """Returns what the launch of so many devices costs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from stack import inventory

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    firmware = inventory.Firmware(
        inventory.organization(f"Launch{number}"), name=f"launch {number}"
    )
    inventory.register_unreachable(firmware, number)
    batch = create_batch(firmware.new_build, False)
    with CaptureQueriesContext(connection) as queries:
        start = time.monotonic()
        batch.upgrade(firmwareless=False)
        seconds = time.monotonic() - start
    launched = batch.upgradeoperation_set.count()
    return {
        "devices": number,
        "launched": launched,
        "queries": len(queries),
        "seconds": round(seconds, 2),
        "ms per device": round(1000 * seconds / number, 3),
    }


def main(arguments: list[str]) -> None:
    """Prints one line of JSON per size."""
    project = Project("postgres")
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        found = [measure(int(number)) for number in arguments or SIZES]
    finally:
        project.stop()
    for row in found:
        print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1:])
