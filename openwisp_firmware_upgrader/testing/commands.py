"""The programs of a simulated device: which exist, and where they are."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from . import openwrt_commands
from .applets import APPLETS
from .filesystem import TMP
from .sysupgrade import sysupgrade

if TYPE_CHECKING:
    from .blobs import Blob
    from .device import Device
    from .effects import Result
    from .filesystem import Provided
    from .shell import Command

PROGRAMS: dict[str, Command] = {
    "/sbin/sysupgrade": sysupgrade,
    "/sbin/uci": openwrt_commands.uci,
    "/bin/ubus": openwrt_commands.ubus,
    "/sbin/reboot": openwrt_commands.reboot,
    "/bin/uname": openwrt_commands.uname,
    **{f"/bin/{name}": applet for name, applet in APPLETS.items()},
}
WIFI = "/sbin/wifi"
INIT_SCRIPTS = "/etc/init.d/"
VALIDATE = "/usr/libexec/validate_firmware_image"


def find(device: Device, name: str) -> Command | None:
    """Return what ``name``, a bare name or a path, runs on ``device``."""
    if posixpath.basename(name) in device.missing_commands:
        return None
    programs = _programs(device)
    if name in programs:
        return programs[name]
    by_name = {
        posixpath.basename(path): path for path in programs if "init.d" not in path
    }
    return programs.get(by_name.get(name, ""))


def provided(device: Device) -> Provided:
    """Return the files of the running firmware: path to a function that reads."""
    texts = {
        "/proc/meminfo": lambda: openwrt_commands.meminfo(device),
        "/proc/uptime": lambda: f"{openwrt_commands.uptime(device):.2f} 0.00\n",
        "/proc/version": lambda: f"Linux version {device.kernel}\n",
        "/etc/openwrt_release": lambda: openwrt_commands.openwrt_release(device),
        "/etc/os-release": lambda: openwrt_commands.os_release(device),
        f"{TMP}/sysinfo/board_name": lambda: f"{device.board_name}\n",
        f"{TMP}/sysinfo/model": lambda: f"{device.model}\n",
        "/proc/sys/vm/drop_caches": lambda: "0\n",
        "/dev/null": lambda: "",
    }
    if device.boot_id_readable:
        texts["/proc/sys/kernel/random/boot_id"] = lambda: f"{device.boot_id}\n"
    programs = {
        path: lambda: "#!/bin/sh\n"
        for path in _programs(device)
        if posixpath.basename(path) not in device.missing_commands
    }
    return {**programs, **texts}


def _programs(device: Device) -> dict[str, Command]:
    programs: dict[str, Command] = dict(PROGRAMS)
    if device.wifi_command:
        programs[WIFI] = openwrt_commands.wifi
    if device.era not in ("19.07", "backfire"):
        programs[VALIDATE] = openwrt_commands.validate_firmware_image
    for service in device.services:
        programs[INIT_SCRIPTS + service] = _init_script(service)
    return programs


def _init_script(service: str) -> Command:
    def run(device: Device, args: list[str], stdin: Blob) -> Result:
        return openwrt_commands.init_script(device, service, args)

    return run
