"""``sysupgrade``: checks an image as the real one does, then accepts it.

Checks are those of fwtool.sh (openwrt.md 4.3), options and the last message those
of openwrt.md 4.6.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .blobs import Blob
from .effects import Flash, Hang, Hook, Result, Running
from .filesystem import FileError
from .images import read_metadata

if TYPE_CHECKING:
    from .device import Device

OLD_OPTIONS = frozenset("fivqncpTFbrl")
NEW_OPTIONS = OLD_OPTIONS | frozenset("ouk")
LONG_OPTIONS = {
    "--test": "T",
    "--force": "F",
    "--ignore-minor-compat-version": "ignore-minor",
}
USAGE = """Usage: /sbin/sysupgrade [<upgrade-option>...] <image file or URL>

upgrade-option:
\t-c           attempt to preserve all changed files in /etc/
\t-n           do not save configuration over reflash
\t-p           do not attempt to restore the partition table after flash.
{test}\t-F | --force Flash image even if image checks fail, this is dangerous!
\t-q           less verbose
\t-v           more verbose
"""
TEST_USAGE = """\t-T | --test
\t             Verify image and config .tar.gz but do not actually flash.
"""
COMMENCING = "Commencing upgrade. Closing all shell sessions.\n"
BROKEN = "Firmware image is broken and cannot be installed\nImage check failed.\n"
INVALID_TYPE = (
    "Invalid image type.\nImage check 'platform_check_image' failed.\n"
    "Image check failed.\n"
)
FWTOOL_FAILED = "Image check 'fwtool_check_image' failed.\nImage check failed.\n"
NO_METADATA = "Image metadata not present\n"


@dataclass(frozen=True)
class Refusal:
    """Why an image is not accepted; ``forceable`` ones give way to ``-F``."""

    text: str
    forceable: bool = True


@dataclass(frozen=True)
class _Call:
    flags: frozenset[str]
    path: str


def sysupgrade(device: Device, args: list[str], stdin: Blob) -> Running:
    """``/sbin/sysupgrade [FLAGS] PATH`` and ``--test``, ``--help``."""
    if not args or "--help" in args or "-h" in args:
        test = "" if device.era == "backfire" else TEST_USAGE
        return Result(1, out=USAGE.format(test=test))
    call = _parse(device, args)
    if isinstance(call, Result):
        return call
    if "T" in call.flags:
        yield Hook("in_test")
    refusal = refusal_of(device, call.path, call.flags)
    if refusal and not (refusal.forceable and "F" in call.flags):
        return Result(1, err=refusal.text)
    if "T" in call.flags:
        return Result()
    return (yield from _flash(device, call, " ".join(["sysupgrade", *args])))


def _parse(device: Device, args: list[str]) -> _Call | Result:
    known = OLD_OPTIONS if device.era in ("19.07", "backfire") else NEW_OPTIONS
    flags: set[str] = set()
    paths = []
    for arg in args:
        flag = LONG_OPTIONS.get(arg, arg.lstrip("-"))
        if not arg.startswith("-"):
            paths.append(arg)
        elif flag in known or (flag == "ignore-minor" and device.era != "19.07"):
            flags.add(flag)
        else:
            return Result(1, err=f"Invalid option: {arg}\n")
    if len(paths) != 1:
        return Result(1, err="Image file not found.\n")
    if flags & {"c", "o"} and not device.overlay:
        flag = "c" if "c" in flags else "o"
        text = f"Cannot find '/overlay/upper/etc', required for '-{flag}'\n"
        return Result(1, err=text)
    return _Call(frozenset(flags), paths[0])


def refusal_of(device: Device, path: str, flags: AbstractSet[str]) -> Refusal | None:
    """Return why ``device`` refuses the image at ``path``, None when it fits.

    ``flags`` are letters of sysupgrade's options; ``n`` lets a minor change of
    compat_version pass (openwrt.md 4.3).
    """
    try:
        image = device.files.read(path)
    except FileError:
        return Refusal("Image file not found.\n", forceable=False)
    if device.refuses_test:
        return Refusal(INVALID_TYPE, forceable=False)
    metadata = read_metadata(image)
    if metadata is None:
        required = device.require_metadata
        return Refusal(NO_METADATA + FWTOOL_FAILED) if required else None
    return _board_refusal(device, metadata) or _compat_refusal(device, metadata, flags)


def _board_refusal(device: Device, metadata: dict[str, Any]) -> Refusal | None:
    boards = metadata.get("new_supported_devices") or metadata.get(
        "supported_devices", []
    )
    if device.board_name in boards:
        return None
    return Refusal(
        f"Device {device.board_name} not supported by this image\n"
        f"Supported devices: {' '.join(boards)}\n" + FWTOOL_FAILED
    )


def _compat_refusal(
    device: Device, metadata: dict[str, Any], flags: AbstractSet[str]
) -> Refusal | None:
    image, own = metadata.get("compat_version", "1.0"), device.compat_version
    if image.split(".")[0] != own.split(".")[0]:
        text = (
            f"The device is supported, but this image is incompatible for "
            f"sysupgrade based on the image version ({own}->{image}). It cannot be "
            f"upgraded.\n"
        )
    elif image == own or flags & {"n", "ignore-minor"}:
        return None
    else:
        text = (
            f"The device is supported, but the config is incompatible to the new "
            f"image ({own}->{image}). Please upgrade without keeping config "
            f"(sysupgrade -n).\n"
        )
    reason = metadata.get("compat_message")
    return Refusal(text + (f"{reason}\n" if reason else "") + FWTOOL_FAILED)


def _flash(device: Device, call: _Call, command: str) -> Running:
    keep = "n" not in call.flags
    out = ("Saving config files...\n" if keep else "") + COMMENCING
    if device.flash_fault == "refuses":
        return Result(1, out, BROKEN)
    if device.flash_fault == "hangs":
        yield Hang()
    if device.flash_fault != "ignored":
        yield Flash(device.files.read(call.path), command, keep)
    return Result(10, out, connection_failed(device, call.path, keep))


def connection_failed(device: Device, path: str, keep_settings: bool) -> str:
    """Return the last words of a sysupgrade that worked (openwrt.md 4.6)."""
    escaped = path.replace("/", r"\/")
    message = rf'"prefix": "\/tmp\/root", "path": "{escaped}", '
    if keep_settings:
        message += r'"backup": "\/tmp\/sysupgrade.tgz", '
    message += r'"command": "\/lib\/upgrade\/do_stage2"'
    if device.era == "25.12":
        message += ', "options": { "save_partitions": 1, "add_provisioning": 0 }'
    elif device.era == "21.02":
        message += ', "options": { "save_partitions": 1 }'
    return (
        f"Command failed: ubus call system sysupgrade {{ {message} }} "
        f"(Connection failed)\n"
    )
