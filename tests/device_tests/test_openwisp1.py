"""Devices of OpenWISP 1 over real SSH: their systems are old, Backfire the oldest."""

from __future__ import annotations

import json

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
STRATEGY = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWisp1"


@pytest.mark.parametrize("era", ["19.07", "backfire"])
def test_openwisp1_device_becomes_one_of_openwisp_2(project, era):
    from stack import inventory
    from swapper import load_model as load_any_model

    from openwisp_firmware_upgrader.swapper import load_model

    firmware = inventory.Firmware(inventory.organization("Old"), name=f"old {era}")
    owner = firmware.category.organization
    strategies = {STRATEGY: "device_tests.custom.QuickOpenWisp1"}
    with FleetProcess(
        devices=1, boot_time=BOOT, era=era, release=release_of(*inventory.OLD)
    ) as fleet:
        (device,) = inventory.register(owner, fleet, firmware.old, [f"old {era}"])
        connections = load_any_model("connection", "DeviceConnection").objects
        connections.filter(device=device).update(update_strategy=STRATEGY)
        project.worker(slots=1, FIRMWARE_UPGRADERS_MAP=json.dumps(strategies))
        operation = inventory.start(device, firmware.new)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        try:
            wait_for(lambda: rows.exclude(status="in-progress").exists(), "its end", 60)
        finally:
            project.stop_workers()
        ended = rows.get()
        report = fleet.device(device.pk)
    assert ended.status == "success", ended.log
    assert len(report.flashes) == 1
    assert report.release == release_of(*inventory.NEW)
    command = report.flashes[0].command
    assert "-c -n" in command
    assert "are kept: /etc/config/network" in ended.log
    skipped = "cannot test images" in ended.log
    assert skipped == (era == "backfire")
