"""Commands that only OpenWrt has: uci, ubus, init scripts, wifi, reboot.

Texts and shapes are those of real devices (openwrt.md 4.7, 4.8).
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from .blobs import Blob
from .effects import Hang, Reboot, Result, Running
from .sysupgrade import refusal_of

if TYPE_CHECKING:
    from .device import Device

UUID_KEY = "openwisp.http.uuid"
ENTRY_NOT_FOUND = "uci: Entry not found\n"
UBUS_NOT_FOUND = "Command failed: Not found\n"


def uci(device: Device, args: list[str], stdin: Blob) -> Result:
    """``uci [-q] get KEY``, ``set KEY=VALUE``, ``commit``."""
    quiet = "-q" in args
    args = [arg for arg in args if arg != "-q"]
    if args[:1] == ["get"] and len(args) == 2:
        value = _setting(device, args[1])
        if value:
            return Result(out=f"{value}\n")
        return Result(1, err="" if quiet else ENTRY_NOT_FOUND)
    if args[:1] == ["set"] and len(args) == 2 and "=" in args[1]:
        key, value = args[1].split("=", 1)
        device.settings[key] = value
        return Result()
    if args[:1] == ["commit"]:
        return Result()
    return Result(255, err="Usage: uci [<options>] <command> [<arguments>]\n")


def _setting(device: Device, key: str) -> str:
    if key in device.settings:
        return device.settings[key]
    if key == UUID_KEY:
        blank = device.reports_uuid is None
        return device.uuid if blank else str(device.reports_uuid)
    if re.fullmatch(r"system\.@system\[0\]\.compat_version", key):
        return "" if device.compat_version == "1.0" else device.compat_version
    if re.fullmatch(r"system\.@system\[0\]\.hostname", key):
        return device.hostname
    return ""


def ubus(device: Device, args: list[str], stdin: Blob) -> Result:
    """``ubus call system board|info|validate_firmware_image``."""
    if len(args) < 3 or args[0] != "call":
        return Result(1, err="Usage: ubus [<options>] <command> [arguments...]\n")
    answer = UBUS_METHODS.get((args[1], args[2]))
    if answer is None:
        return Result(4, err=UBUS_NOT_FOUND)
    try:
        message = json.loads(args[3]) if args[3:] else {}
    except ValueError:
        return Result(2, err="Command failed: Invalid argument\n")
    return Result(out=json.dumps(answer(device, message), indent="\t") + "\n")


def system_board(device: Device, message: dict[str, Any]) -> dict[str, Any]:
    """Answer of ``ubus call system board`` (openwrt.md 4.8)."""
    dist, version, revision = release_parts(device)
    board = {
        "kernel": device.kernel,
        "hostname": device.hostname,
        "system": "Atheros AR9344 rev 2",
        "model": device.model,
        "board_name": device.board_name,
        "rootfs_type": "squashfs",
        "release": {
            "distribution": dist,
            "version": version,
            "revision": revision,
            "target": device.target,
            "description": device.release,
        },
    }
    if device.era == "19.07":
        del board["rootfs_type"]
    return board


def system_info(device: Device, message: dict[str, Any]) -> dict[str, Any]:
    """Answer of ``ubus call system info``; memory in bytes, /tmp in KiB."""
    free = device.files.tmp_free // 1024
    info: dict[str, Any] = {
        "localtime": int(time.time()),
        "uptime": int(uptime(device)),
        "load": [0, 0, 0],
        "memory": {
            "total": device.mem_total_kib * 1024,
            "free": device.available_kib * 1024,
            "shared": 0,
            "buffered": 0,
            "available": device.available_kib * 1024,
            "cached": 0,
        },
    }
    if device.era != "19.07":
        info["tmp"] = {
            "total": device.tmp_size_kib,
            "free": free,
            "used": device.tmp_size_kib - free,
            "avail": free,
        }
    return info


def validation(device: Device, message: dict[str, Any]) -> dict[str, Any]:
    """Answer of ``ubus call system validate_firmware_image`` (openwrt.md 4.7)."""
    refusal = refusal_of(device, str(message.get("path", "")), frozenset())
    fits = refusal is None or "not supported by this image" not in refusal.text
    return {
        "tests": {"fwtool_signature": True, "fwtool_device_match": fits},
        "valid": refusal is None,
        "forceable": refusal is None or refusal.forceable,
        "allow_backup": True,
    }


def validate_firmware_image(device: Device, args: list[str], stdin: Blob) -> Result:
    """``/usr/libexec/validate_firmware_image PATH``."""
    path = args[0] if args else ""
    refusal = refusal_of(device, path, frozenset())
    out = json.dumps(validation(device, {"path": path})) + "\n"
    return Result(out=out, err=refusal.text if refusal else "")


def init_script(device: Device, service: str, args: list[str]) -> Result:
    """``/etc/init.d/SERVICE start|stop|restart|running``."""
    verb = args[0] if args else ""
    if verb in ("start", "restart", "stop"):
        device.services[service] = verb != "stop"
        return Result()
    if verb in ("running", "enabled", "status"):
        return Result(int(not device.services[service]))
    return Result(1, out=f"Syntax: /etc/init.d/{service} [command]\n")


def wifi(device: Device, args: list[str], stdin: Blob) -> Result:
    """``/sbin/wifi up|down``."""
    if args[:1] not in (["up"], ["down"]):
        return Result(1, err="Usage: /sbin/wifi [config|up|down|reconf|reload]\n")
    device.wifi_up = args[0] == "up"
    return Result()


def reboot(device: Device, args: list[str], stdin: Blob) -> Running:
    """``reboot``: the session is cut, so it never returns."""
    yield Reboot()
    yield Hang()
    return Result()


def uname(device: Device, args: list[str], stdin: Blob) -> Result:
    """``uname [-r] [-a]``."""
    if "-r" in args:
        return Result(out=f"{device.kernel}\n")
    return Result(out=f"Linux {device.hostname} {device.kernel}\n")


def uptime(device: Device) -> float:
    """Return the seconds since the last boot."""
    return time.monotonic() - device.booted_at


def meminfo(device: Device) -> str:
    """Return the text of /proc/meminfo; old kernels have no MemAvailable."""
    lines = [("MemTotal", device.mem_total_kib), ("MemFree", device.available_kib)]
    if device.has_mem_available:
        lines.append(("MemAvailable", device.available_kib))
    lines += [("Buffers", 2200), ("Cached", 9200), ("SwapTotal", 0)]
    return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in lines)


def release_parts(device: Device) -> tuple[str, str, str]:
    """Split the release into distribution, version and revision."""
    parts = device.release.split(" ", 2) + ["", ""]
    return parts[0], parts[1], parts[2]


def openwrt_release(device: Device) -> str:
    """Return the text of /etc/openwrt_release."""
    dist, version, revision = release_parts(device)
    return (
        f"DISTRIB_ID='{dist}'\nDISTRIB_RELEASE='{version}'\n"
        f"DISTRIB_REVISION='{revision}'\nDISTRIB_TARGET='{device.target}'\n"
        f"DISTRIB_DESCRIPTION='{device.release}'\nDISTRIB_TAINTS=''\n"
        + ("DISTRIB_CODENAME='backfire'\n" if device.era == "backfire" else "")
    )


def os_release(device: Device) -> str:
    """Return the text of /etc/os-release."""
    dist, version, revision = release_parts(device)
    return (
        f'NAME="{dist}"\nVERSION="{version}"\nID="{dist.lower()}"\n'
        f'PRETTY_NAME="{dist} {version}"\nVERSION_ID="{version}"\n'
        f'BUILD_ID="{revision}"\nOPENWRT_BOARD="{device.target}"\n'
        f'OPENWRT_RELEASE="{device.release}"\n'
    )


UBUS_METHODS = {
    ("system", "board"): system_board,
    ("system", "info"): system_info,
    ("system", "validate_firmware_image"): validation,
}
