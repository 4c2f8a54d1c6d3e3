"""A worker is killed at every named moment of an upgrade; another one goes on."""

from __future__ import annotations

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
DEVICES = 3
# hook of the fleet -> the phases the row may be in while the fleet waits there
HOOKS = {
    "before_first_command": "preflight",
    "mid_upload": "upload",
    "in_test": "image_test",
    "flash_received_not_answered": "flash",
    "flash_answered": "reboot",
    "rebooting": "reboot",
    "verify_connected": "verify",
}


@pytest.fixture(scope="module")
def firmware(project):
    from stack import inventory

    return inventory.Firmware(inventory.organization("Kills"), name="kills")


def rows_of(operations):
    from openwisp_firmware_upgrader.swapper import load_model

    pks = [operation.pk for operation in operations]
    return load_model("UpgradeOperation").objects.filter(pk__in=pks)


@pytest.mark.parametrize("flushed", [False, True], ids=["redis kept", "redis flushed"])
@pytest.mark.parametrize("hook", HOOKS)
def test_another_worker_goes_on(project, firmware, hook, flushed):
    from stack import inventory

    with FleetProcess(
        devices=DEVICES, boot_time=BOOT, release=release_of(*inventory.OLD)
    ) as fleet:
        owner = firmware.category.organization
        names = [f"{hook}-{flushed}-{number}" for number in range(DEVICES)]
        devices = inventory.register(owner, fleet, firmware.old, names)
        fleet.arm(hook)
        worker = project.worker(pool="prefork", slots=DEVICES)
        operations = [inventory.start(device, firmware.new) for device in devices]
        reached = fleet.wait_hook(hook, count=DEVICES, timeout=30)
        assert len(reached) == DEVICES
        wait_for(
            lambda: (
                set(rows_of(operations).values_list("phase", flat=True))
                == {HOOKS[hook]}
            ),
            f"the phase {HOOKS[hook]}",
            5,
        )
        worker.kill()
        if flushed:
            project.redis.flush()
        fleet.release(hook)
        project.worker(pool="prefork", slots=DEVICES)
        try:
            wait_for(
                lambda: not rows_of(operations).filter(status="in-progress").exists(),
                f"the end of all operations after {hook}",
                30 + BOOT,
            )
        finally:
            project.stop_workers()
        ended = rows_of(operations)
        logs = "\n\n".join(ended.values_list("log", flat=True))
        assert {row.status for row in ended} == {"success"}, logs
        ledger = fleet.ledger()
        for device in devices:
            assert ledger.flashes_of(device.pk) == 1, logs
            assert ledger[device.pk].release == release_of(*inventory.NEW)
            assert not ledger[device.pk].tmp
