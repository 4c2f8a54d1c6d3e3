"""Room for the image, which lies in the device's memory (openwrt.md 4.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from django.utils.translation import gettext as _

from ...exceptions import RecoverableFailure, UpgradeAborted
from ...protocols import Operation
from .facts import parse_available_kib, parse_meminfo_kib
from .part import Part

KIB = 1024
MIB = 1048576


class MemoryMixin(Part):
    """Frees memory, at the price of services where there is no other way."""

    REMOTE_UPLOAD_DIR = "/tmp"  # noqa: S108 a folder of the device
    _non_critical_services = [  # noqa: RUF012 subclasses change the list
        "uhttpd",
        "dnsmasq",
        "openwisp_config",
        "openwisp-config",
        "openwisp-monitoring",
        "cron",
        "rpcd",
        "rssileds",
        "odhcpd",
        "log",
    ]
    _non_critical_services_stopped = False
    upgrade_operation: Operation

    def check_memory(self, image_file: BinaryIO) -> None:
        """Makes room for the image; raises UpgradeAborted when it does not fit.

        Arguments:
            image_file: the image, whose size counts.
        """
        _checksum, size = self._measure(image_file)
        self._free_memory()
        free = self._get_free_memory()
        if self._fits(size, free):
            return
        self._explain_lack(size, free)
        self._stop_non_critical_services()
        self._free_memory()
        free = self._get_free_memory()
        if self._fits(size, free):
            text = _(
                "Enough available memory was freed up on the system (%(free)s MiB)."
            )
            self.log(text % {"free": self._get_mib(free)})
            return
        text = _(
            "There is still not enough available memory on the system (%(free)s MiB). "
            "Starting non critical services again..."
        )
        self.log(text % {"free": self._get_mib(free)})
        self._start_non_critical_services()
        raise UpgradeAborted

    def _fits(self, size: int, free: int) -> bool:
        room = self._get_free_tmp()
        return size < free and (room is None or size < room)

    def _explain_lack(self, size: int, free: int) -> None:
        text = _(
            "The image size (%(size)s MiB) is greater than the available memory on "
            "the system (%(free)s MiB) or the free space of its /tmp.\n"
            "For this reason the upgrade procedure will try to free up memory by "
            "stopping non critical services.\n"
            "It is recommended to reboot the device if the upgrade fails "
            "unexpectedly, and not needed when it ends as aborted."
        )
        values = {"size": self._get_mib(size), "free": self._get_mib(free)}
        for line in (text % values).split("\n"):
            self.log(line)

    def _free_memory(self) -> None:
        self.exec_command("rm -rf /tmp/opkg-lists/")
        self.exec_command("sync && echo 3 > /proc/sys/vm/drop_caches")

    def _get_free_memory(self) -> int:
        command = "cat /proc/meminfo | grep "
        output, code = self.exec_command(f"{command}MemAvailable", exit_codes=[0, 1])
        if code == 1:
            output, _code = self.exec_command(f"{command}MemFree")
        free = parse_meminfo_kib(output)
        if free is None:
            text = _("the device does not tell how much of its memory is free")
            raise RecoverableFailure(text)
        return free * KIB

    def _get_free_tmp(self) -> int | None:
        output = self._ask(f"df -k {self.REMOTE_UPLOAD_DIR}")
        available = parse_available_kib(output)
        return None if available is None else available * KIB

    def _get_mib(self, value: int) -> float:
        return round(value / MIB, 2) if value else 0

    def _stop_non_critical_services(self) -> None:
        # written ahead: whoever ends the operation must start them again
        self._note_services(stopped=True)
        self._non_critical_services_stopped = True
        self._for_each_service("stop")
        self._wifi("down")

    def _start_non_critical_services(self) -> None:
        self._for_each_service("start")
        self._wifi("up")
        self._non_critical_services_stopped = False
        self.log(_("Non critical services started, nothing was flashed."))
        self._note_services(stopped=False)

    def _note_services(self, *, stopped: bool) -> None:
        run = self._engine_run
        run.record(evidence=replace(run.evidence, services_stopped=stopped))

    def _for_each_service(self, action: str) -> None:
        for service in self._non_critical_services:
            script = f"/etc/init.d/{service}"
            self.exec_command(
                f"test -f {script} && {script} {action}", raise_unexpected_exit=False
            )

    def _wifi(self, action: str) -> None:
        # boards without radio have no such command
        self.exec_command(
            f"test -f /sbin/wifi && /sbin/wifi {action}", raise_unexpected_exit=False
        )
