"""All devices of a fleet, in one event loop."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..device import Device
from ..faults import fault_named
from . import sockets
from .actor import Actor
from .hooks import Hooks
from .ssh import Access, SshService

PORT_ATTEMPTS = 50
POLL = 0.02

# None = all, an index, an address, a UUID, or a list of them
Which: TypeAlias = "int | str | Sequence[Which] | None"


@dataclass
class FleetOptions:
    """How a fleet is set up.

    :param devices: how many devices without a fault
    :param port: TCP port of SSH, the same on each address; 0 = a free one
    :param first_address: address of the first device, in 127/8
    :param faults: one more device for each name
    :param uuids: UUIDs of the first devices; the others are random
    :param attributes: attributes of all devices (`Device`)
    :param access: user, password and keys
    """

    devices: int = 1
    port: int = 0
    first_address: str = "127.1.0.1"
    faults: Sequence[str] = ()
    uuids: Sequence[str] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    access: Access = field(default_factory=Access)


class FleetServer:
    """The devices of a fleet and what can be asked of them.

    Public methods named like those of `FleetApi` answer the control interface
    with plain data.
    """

    def __init__(self, options: FleetOptions) -> None:
        for name in options.faults:
            fault_named(name)
        self.options = options
        self.hooks = Hooks()
        self.actors: list[Actor] = []
        self.stopped = asyncio.Event()
        self._service = SshService(options.access)
        self._addresses = sockets.loopback_addresses(options.first_address)
        self.port = options.port

    async def start(self) -> None:
        """Make the devices and let them listen."""
        sockets.raise_file_limit()
        await self._service.prepare()
        for index, fault in enumerate(self._faults()):
            uuids = self.options.uuids
            uuid = str(uuids[index]) if index < len(uuids) else ""
            self._add(index, {"uuid": uuid, "fault": fault})
        self._listen()

    def _faults(self) -> list[str]:
        return ["none"] * self.options.devices + list(self.options.faults)

    def _add(self, index: int, attributes: dict[str, Any]) -> Actor:
        actor = Actor(
            index,
            Device(**{**self.options.attributes, **attributes}),
            next(self._addresses),
            self.port,
            self.hooks,
            lambda: next(self._addresses),
        )
        actor.serve = self._service.serve
        self.actors.append(actor)
        return actor

    def _listen(self) -> None:
        for _ in range(PORT_ATTEMPTS):
            self.port = self.options.port or sockets.random_port()
            try:
                for actor in self.actors:
                    actor.port = self.port
                    actor.up()
            except OSError as error:
                for actor in self.actors:
                    actor.down("down")
                if self.options.port or error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, "no free port found for the fleet")

    async def close(self) -> None:
        """End all connections and free the addresses."""
        self.hooks.release_all()
        await self._service.stop()
        await asyncio.gather(*(actor.stop() for actor in self.actors))

    def pick(self, which: Which) -> list[Actor]:
        """Return the devices meant by ``which``; raises `LookupError`."""
        if which is None:
            return self.actors
        if isinstance(which, (list, tuple)):
            return [actor for one in which for actor in self.pick(one)]
        if isinstance(which, int):
            return [self.actors[which]]
        for actor in self.actors:
            if which in (actor.address, actor.first_address, actor.device.uuid):
                return [actor]
        raise LookupError(f"no device {which!r}")

    def status(self) -> dict[str, Any]:
        """Numbers over all devices, and the hooks."""
        records = [actor.device.record for actor in self.actors]
        return {
            "devices": len(self.actors),
            "port": self.port,
            "first_address": self.actors[0].first_address if self.actors else None,
            "up": sum(actor.state == "up" for actor in self.actors),
            "connections": sum(len(actor.connections) for actor in self.actors),
            "sessions": sum(record.sessions for record in records),
            "connects": sum(record.connects for record in records),
            "commands": sum(len(record.commands) for record in records),
            "uploads": sum(len(record.uploads) for record in records),
            "flashes": sum(len(record.flashes) for record in records),
            "hooks": self.hooks.report(),
        }

    def devices(self, which: Which = None) -> list[dict[str, Any]]:
        """Reports of the devices."""
        return [actor.report().to_dict() for actor in self.pick(which)]

    def addresses(self) -> list[dict[str, Any]]:
        """Index, UUID, first and current address of every device."""
        return [
            {
                "index": actor.index,
                "uuid": actor.device.uuid,
                "first_address": actor.first_address,
                "address": actor.address,
                "fault": actor.device.fault,
            }
            for actor in self.actors
        ]

    def add(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Add a device and return its report."""
        actor = self._add(len(self.actors), attributes)
        actor.port = self.port
        actor.up()
        return actor.report().to_dict()

    def set(self, which: Which, attributes: dict[str, Any]) -> None:
        """Set attributes of devices."""
        for actor in self.pick(which):
            actor.device.configure(**attributes)

    def set_each(self, changes: Iterable[tuple[Which, dict[str, Any]]]) -> None:
        """Set other attributes for each device."""
        for which, attributes in changes:
            self.set(which, attributes)

    def arm(self, hook: str, which: Which, limit: float | None) -> None:
        """Hold devices at a hook."""
        chosen = None if which is None else [a.index for a in self.pick(which)]
        self.hooks.arm(hook, chosen, limit)

    def release(self, hook: str | None) -> int:
        """Release one hook, or all."""
        if hook is None:
            self.hooks.release_all()
            return 0
        return self.hooks.release(hook)

    async def wait_hook(self, hook: str, count: int, timeout: float) -> list[int]:
        """Indexes of the devices that reached the hook."""
        return await self.hooks.wait_reached(hook, count, timeout)

    async def wait_state(self, state: str, which: Which, timeout: float) -> bool:
        """Whether all these devices got into ``state`` in time."""
        actors = self.pick(which)
        end = asyncio.get_running_loop().time() + timeout
        while any(actor.state != state for actor in actors):
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(POLL)
        return True

    def power(self, which: Which, on: bool) -> None:
        """Switch devices on (a boot) or off (connections refused)."""
        for actor in self.pick(which):
            if on:
                actor.device.boot()
                actor.up()
            else:
                actor.down("gone")
                actor.cut()

    def link(self, which: Which, up: bool) -> None:
        """Let the links of devices die in silence, or bring them back."""
        for actor in self.pick(which):
            if up:
                actor.end_silence()
            else:
                actor.go_silent()

    async def reset(self) -> None:
        """Forget what was done; devices are as at the start, UUIDs are kept."""
        self.hooks.release_all()
        await asyncio.gather(*(actor.stop() for actor in self.actors))
        faults = self._faults()
        del self.actors[len(faults) :]
        for actor, fault in zip(self.actors, faults, strict=True):
            kept = {"uuid": actor.device.uuid, "fault": fault}
            actor.device = Device(**{**self.options.attributes, **kept})
            actor.address = actor.first_address
            actor.up()

    def stop(self) -> None:
        """Ask the process or thread to end."""
        self.stopped.set()

    async def answer(self, line: bytes) -> bytes:
        """Answer one line of the control interface."""
        try:
            request = json.loads(line)
            name = request.pop("do")
            if name not in CONTROL:
                raise LookupError(f"no command {name!r}")
            result = getattr(self, name)(**request)
            if asyncio.iscoroutine(result):
                result = await result
        except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
            return _line({"error": f"{type(error).__name__}: {error}"})
        return _line({"result": result})


#: what the control interface may call
CONTROL = frozenset(
    {"status", "devices", "addresses", "add", "set", "set_each", "arm", "release"}
    | {"wait_hook", "wait_state", "power", "link", "reset", "stop"}
)


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
