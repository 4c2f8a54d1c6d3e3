"""Custom upgraders over real SSH, as third parties write them."""

from __future__ import annotations

import json

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
STRATEGY = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"


@pytest.mark.parametrize("name", ["Blocking", "Documented"])
def test_custom_upgrader(project, name):
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model

    firmware = inventory.Firmware(inventory.organization("Custom"), name=name)
    owner = firmware.category.organization
    strategies = {STRATEGY: f"device_tests.custom.{name}"}
    with FleetProcess(
        devices=1, boot_time=BOOT, release=release_of(*inventory.OLD)
    ) as fleet:
        (device,) = inventory.register(owner, fleet, firmware.old, [name])
        project.worker(slots=2, FIRMWARE_UPGRADERS_MAP=json.dumps(strategies))
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
    row = load_model("DeviceFirmware").objects.get(device=device)
    assert (row.image, row.installed) == (firmware.new, True)
    if name == "Documented":
        command = report.flashes[0].command
        assert "documented image.bin" in command
