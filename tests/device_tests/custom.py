"""Upgraders as the documentation of custom upgraders shows them."""

from __future__ import annotations

import time

from openwisp_firmware_upgrader.upgraders.openwisp import OpenWisp1, OpenWrt


class Blocking:
    """Nothing but ``__init__`` and an ``upgrade`` that returns when it is done."""

    def __init__(self, upgrade_operation, connection):
        self.upgrade_operation = upgrade_operation
        self.connection = connection

    def upgrade(self, image):
        """Uploads, flashes, and waits for the device, all in one."""
        connector = self.connection.connector_instance
        connector.upload(image, "/tmp/custom.bin")
        self.upgrade_operation.log_line("flashing")
        connector.exec_command(
            "sysupgrade /tmp/custom.bin", exit_codes=[0, -1, 10], timeout=20
        )
        connector.disconnect()
        for _attempt in range(20):
            time.sleep(1)
            if self.connection.connect():
                break
        output, _code = connector.exec_command("cat /etc/openwrt_release")
        self.upgrade_operation.log_line(output)


class Documented(OpenWrt):
    """A subclass that changes what the documentation says one may change."""

    UPGRADE_COMMAND = "{sysupgrade} -v {flags} {path}"
    RECONNECT_DELAY = 3
    RECONNECT_RETRY_DELAY = 1
    RECONNECT_MAX_RETRIES = 10

    def get_remote_path(self, image):
        """Stores the image under a name of its own."""
        return "/tmp/documented image.bin"

    def get_upgrade_command(self, path):
        """Adds to the command of the parent."""
        return f"true; {super().get_upgrade_command(path)}"


class QuickOpenWisp1(OpenWisp1):
    """Waits for simulated devices no longer than they take."""

    RECONNECT_DELAY = 3
    RECONNECT_RETRY_DELAY = 1
    RECONNECT_MAX_RETRIES = 8
