"""PostgreSQL crashes under a worker that keeps its connections between tasks."""

from __future__ import annotations

import signal

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
DEVICES, SLOTS = 4, 2


def test_upgrades_go_on_after_a_crash(project):
    """Seed 94085: each process failed with its lost connection for ever."""
    from django.db import connection
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model

    firmware = inventory.Firmware(inventory.organization("Crash"), name="crash")
    with FleetProcess(
        devices=DEVICES, boot_time=BOOT, release=release_of(*inventory.OLD)
    ) as fleet:
        owner = firmware.category.organization
        names = [f"crash-{number}" for number in range(DEVICES)]
        devices = inventory.register(owner, fleet, firmware.old, names)
        fleet.arm("rebooting")
        project.worker(pool="prefork", slots=SLOTS)
        operations = [inventory.start(device, firmware.new) for device in devices]
        fleet.wait_hook("rebooting", count=DEVICES, timeout=60)
        connection.close()
        project.database.halt(signal.SIGQUIT)
        project.database.start()
        fleet.release("rebooting")
        rows = load_model("UpgradeOperation").objects.filter(
            pk__in=[operation.pk for operation in operations]
        )
        try:
            wait_for(
                lambda: not rows.filter(status="in-progress").exists(),
                "the end of all operations after the crash",
                45 + BOOT,
            )
        finally:
            worker = project.workers[-1].process.tail(60)
            project.stop_workers()
        assert {row.status for row in rows} == {"success"}, worker
        ledger = fleet.ledger()
        assert [ledger.flashes_of(device.pk) for device in devices] == [1] * DEVICES
