"""``python -m openwisp_firmware_upgrader.testing.fleet``: a fleet as a process.

Prints one JSON line (``port``, ``control``, ``first_address``, ``devices``) when
all devices answer, and serves until SIGINT, SIGTERM or the command ``stop``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

from ..device import Device
from ..faults import FAULTS
from .control import Control
from .server import FleetOptions, FleetServer
from .ssh import Access


def main(arguments: list[str] | None = None) -> int:
    """Run a fleet until it is told to stop; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"fleet: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openwisp_firmware_upgrader.testing.fleet",
        description="Simulated OpenWrt devices behind real SSH on 127/8.",
        epilog="Faults: "
        + "; ".join(f"{f.name}: {f.description}" for f in FAULTS.values()),
    )
    for name, settings in OPTIONS.items():
        parser.add_argument(name, **settings)
    return parser


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or name not in Device.__dataclass_fields__:
        raise argparse.ArgumentTypeError(f"no attribute of a device: {text}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _repeatable(help_text: str, **settings: object) -> dict[str, Any]:
    return {"action": "append", "default": [], "help": help_text, **settings}


#: the options of the command line
OPTIONS: dict[str, dict[str, Any]] = {
    "--devices": {"type": int, "default": 1, "help": "devices without a fault"},
    "--fault": _repeatable(
        "one more device with this fault (repeatable)", choices=FAULTS, metavar="NAME"
    ),
    "--port": {"type": int, "default": 0, "help": "SSH port, 0 = a free one"},
    "--first-address": {"default": "127.1.0.1", "help": "of the first device"},
    "--control": {
        "default": "0",
        "metavar": "ADDRESS",
        "help": "host:port, port, or path of a unix socket; 0 = a free port",
    },
    "--uuid": _repeatable("UUID of the next device (repeatable), else random"),
    "--user": {"default": "root", "help": "who may log in"},
    "--password": {"default": "password", "help": "of that user"},
    "--key": _repeatable("public key that may log in", metavar="PUBLIC_KEY"),
    "--boot-time": {"type": float, "help": "seconds a reboot takes"},
    "--release": {"help": "release.description the devices run"},
    "--board": {"dest": "board_name", "help": "board name of the devices"},
    "--model": {"help": "model of the devices"},
    "--set": _repeatable(
        "any attribute of the devices, e.g. tmp_size_kib=300000",
        type=_setting,
        metavar="NAME=JSON",
    ),
    "--until-eof": {"action": "store_true", "help": "end when standard input ends"},
}


def _options(given: argparse.Namespace) -> FleetOptions:
    attributes = dict(given.set)
    for name in ("boot_time", "release", "board_name", "model"):
        if getattr(given, name) is not None:
            attributes[name] = getattr(given, name)
    return FleetOptions(
        devices=given.devices,
        port=given.port,
        first_address=given.first_address,
        faults=given.fault,
        uuids=given.uuid,
        attributes=attributes,
        access=Access(given.user, given.password, tuple(given.key)),
    )


async def _serve(given: argparse.Namespace) -> None:
    fleet = FleetServer(_options(given))
    await fleet.start()
    control = Control(fleet, given.control)
    await control.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, fleet.stop)
    if given.until_eof:
        await _stop_at_eof(fleet)
    ready = {
        "port": fleet.port,
        "control": control.address,
        "first_address": fleet.options.first_address,
        "devices": len(fleet.actors),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await fleet.stopped.wait()
    await control.close()
    await fleet.close()


async def _stop_at_eof(fleet: FleetServer) -> None:
    class Watch(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            fleet.stop()

    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(Watch, sys.stdin)


if __name__ == "__main__":
    sys.exit(main())
