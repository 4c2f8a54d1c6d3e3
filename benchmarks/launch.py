"""Launch of mass upgrades of growing size: queries and time per device.

``.work/venv/bin/python benchmarks/launch.py 100 1000 10000``
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
from stack import Project  # noqa: E402 see above

SIZES = (100, 1000, 10_000)


def create_devices(firmware, number: int) -> None:
    """Inserts devices that run the old image of a category."""
    from stack import inventory
    from swapper import load_model as load_any_model

    from openwisp_firmware_upgrader.swapper import load_model

    owner = firmware.category.organization
    login = inventory.credentials(owner, 22)
    device = load_any_model("config", "Device")
    connection = load_any_model("connection", "DeviceConnection")
    row = load_model("DeviceFirmware")
    devices = device.objects.bulk_create(
        device(
            id=uuid.uuid4(),
            name=f"{owner.name}-{index}",
            organization=owner,
            mac_address="06:" + uuid.uuid4().bytes[:5].hex(":"),
            model=inventory.MODEL,
            key=uuid.uuid4().hex,
            management_ip="127.0.0.1",
        )
        for index in range(number)
    )
    connection.objects.bulk_create(
        connection(
            device=each,
            credentials=login,
            update_strategy=inventory.STRATEGY,
            enabled=True,
        )
        for each in devices
    )
    row.objects.bulk_create(
        row(device=each, image=firmware.old, installed=True) for each in devices
    )


def measure(number: int) -> dict:
    """Returns what the launch of so many devices costs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from stack import inventory

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    firmware = inventory.Firmware(
        inventory.organization(f"Launch{number}"), name=f"launch {number}"
    )
    create_devices(firmware, number)
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
    """Prints one line of JSON per size, and the growth."""
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
    growth = found[-1]["ms per device"] / found[0]["ms per device"]
    print(json.dumps({"growth per device": round(growth, 2)}))


if __name__ == "__main__":
    main(sys.argv[1:])
