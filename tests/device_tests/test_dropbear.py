"""The same upgrade against Debian's dropbear, which OpenWrt uses too."""

from __future__ import annotations

import os
import socket
import uuid

import pytest
from stack.dropbear_device import DropbearDevice
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import release_of

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root rights"),
]


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def upgrade(project, name, **image_options):
    """Upgrades one device; returns (operation, firmware, what the device says)."""
    from stack import inventory

    firmware = inventory.Firmware(
        inventory.organization("Dropbear"), name=name, **image_options
    )
    owner = firmware.category.organization
    key, port = uuid.uuid4(), free_port()
    before, after = release_of(*inventory.OLD), release_of(*inventory.NEW)
    there = DropbearDevice(key, port, before, after)
    try:
        device = inventory.device(owner, key, "127.0.0.1", name)
        inventory.connect(device, inventory.credentials(owner, port))
        inventory.pair(device, firmware.old)
        project.worker(slots=2)
        operation = inventory.start(device, firmware.new)
        rows = type(operation).objects.filter(pk=operation.pk)
        wait_for(rows.exclude(status="in-progress").exists, "its end", 60)
        said = {
            "flashes": there.flashes,
            "release": there.release,
            "tmp": there.tmp,
            "marker": there.marker,
            "log": there.log(),
        }
    finally:
        project.stop_workers()
        there.stop()
    return rows.get(), firmware, said


def test_upgrade(project):
    from openwisp_firmware_upgrader.swapper import load_model

    operation, firmware, said = upgrade(project, "dropbear")
    assert operation.status == "success", f"{operation.log}\n{said['log']}"
    assert said["flashes"] == [firmware.new.checksum]
    assert said["release"] == firmware.new_build.os
    assert said["marker"] == firmware.new.checksum
    assert said["tmp"] == []
    row = load_model("DeviceFirmware").objects.get(device=operation.device_id)
    assert (row.image, row.installed) == (firmware.new, True)


def test_image_without_metadata_is_refused(project):
    operation, firmware, said = upgrade(project, "refusing", metadata=False)
    assert operation.status == "aborted", f"{operation.log}\n{said['log']}"
    assert "Image check failed" in operation.log
    assert said["flashes"] == []
    assert said["release"] != firmware.new_build.os
    assert said["tmp"] == []
