"""A device that loses its power in the middle of a command has refused nothing."""

from __future__ import annotations

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture(scope="module")
def firmware(project):
    from stack import inventory

    return inventory.Firmware(inventory.organization("Power"), name="power")


@pytest.mark.parametrize(
    "hook", ["before_first_command", "mid_upload", "in_test", "verify_connected"]
)
def test_the_upgrade_is_tried_again(project, firmware, hook):
    """Seeds 56972 and 77006: a power cut during the test was told as a refusal."""
    from stack import inventory

    with FleetProcess(
        devices=1, boot_time=BOOT, release=release_of(*inventory.OLD)
    ) as fleet:
        owner = firmware.category.organization
        (device,) = inventory.register(owner, fleet, firmware.old, [f"power-{hook}"])
        fleet.arm(hook)
        project.worker(pool="threads", slots=2)
        operation = inventory.start(device, firmware.new)
        rows = type(operation).objects.filter(pk=operation.pk)
        try:
            fleet.wait_hook(hook, timeout=30)
            fleet.power(0, on=False)
            fleet.release(hook)
            fleet.power(0, on=True)
            running = rows.filter(status="in-progress")
            wait_for(lambda: not running.exists(), "the end", 60 + BOOT)
        finally:
            project.stop_workers()
        row = rows.get()
        assert row.status == "success", row.log
        assert "refuses" not in row.log
        again = {"verify_connected": "Device not reachable yet"}
        assert again.get(hook, "Detected a recoverable failure") in row.log
        assert len(fleet.device(0).flashes) == 1
