"""Upgrades devices of OpenWISP 1, which run much older systems."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from .openwrt import OpenWrt

__all__ = ["OpenWisp1", "OpenWrt"]

PRESERVED = ("/etc/config/network", "/etc/dropbear/dropbear_rsa_host_key")


class OpenWisp1(OpenWrt):
    """Turns an OpenWISP 1 device into one of OpenWISP 2.

    Only network and host key are kept. On Backfire the flash runs over the open
    connection like on any other system: the separate SSH client of earlier
    versions is not needed.
    """

    UPGRADE_COMMAND = "{sysupgrade} -c -n {path}"
    RECONNECT_DELAY = 360

    def _discards_configuration(self) -> bool:
        # whatever the options say, the command has "-n"
        return True

    def _test_image(self, path: str) -> None:
        output, _code = self.exec_command(f"{self._SYSUPGRADE} --help", exit_codes=[1])
        if "Usage:" in output and "--test" not in output:
            self.log(_("This system cannot test images, the test is skipped."))
            return
        super()._test_image(path)

    @classmethod
    def _call_reflash_command(
        cls, upgrader: Any, path: str, timeout: int, failure_queue: Any
    ) -> None:
        try:
            for preserved in PRESERVED:
                upgrader.exec_command(f"echo {preserved} >> /etc/sysupgrade.conf")
            text = _("The following files are kept: %(files)s")
            upgrader.log(text % {"files": ", ".join(PRESERVED)})
        except Exception as error:  # noqa: BLE001 the classifier reads them all
            failure_queue.put(error)
            return
        super()._call_reflash_command(upgrader, path, timeout, failure_queue)
