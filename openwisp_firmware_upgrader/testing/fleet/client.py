"""How tests and the demo talk to a fleet."""

from __future__ import annotations

import abc
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from ..records import DeviceReport, Ledger

#: None = all devices, an index, an address, a UUID, or a list of them
Which: TypeAlias = "int | str | UUID | Sequence[Which] | None"
# the same in JSON
Plain: TypeAlias = "int | str | list[Plain] | None"

CALL_TIMEOUT = 30.0


class FleetError(Exception):
    """The fleet refused a request, or a wait was in vain."""


class FleetApi(abc.ABC):
    """What can be asked of a fleet, in this process or in another one."""

    @abc.abstractmethod
    def _call(self, do: str, wait: float = 0.0, **arguments: object) -> Any:
        """Send a request that may take ``wait`` seconds, return its result."""

    def status(self) -> dict[str, Any]:
        """Return numbers over all devices.

        Keys: ``devices port first_address up connections sessions connects
        commands uploads flashes hooks``; ``connections`` are open TCP
        connections, ``sessions`` authenticated ones, both of this moment;
        ``hooks`` has ``armed``, ``reached`` and ``waiting`` (indexes) by name.
        """
        return self._call("status")

    def device(self, which: Which) -> DeviceReport:
        """Return the truth about one device."""
        return DeviceReport.of(self._call("devices", which=_plain(which))[0])

    def ledger(self) -> Ledger:
        """Return the truth about all devices."""
        reports = self._call("devices")
        return Ledger(tuple(DeviceReport.of(report) for report in reports))

    def addresses(self) -> list[dict[str, Any]]:
        """Return ``index uuid first_address address fault`` of every device.

        A device whose ``address`` differs from ``first_address`` has moved: a
        test that plays the part of the agent reports the new address.
        """
        return self._call("addresses")

    def add(self, **attributes: object) -> DeviceReport:
        """Add a device with these attributes and return its report."""
        return DeviceReport.of(self._call("add", attributes=_texts(attributes)))

    def set(self, which: Which, **attributes: object) -> None:
        """Set attributes of devices (see `Device`), ``marker`` included."""
        self._call("set", which=_plain(which), attributes=_texts(attributes))

    def set_each(self, changes: Iterable[tuple[Which, Mapping[str, object]]]) -> None:
        """Set attributes of many devices at once."""
        self._call(
            "set_each",
            changes=[[_plain(which), _texts(values)] for which, values in changes],
        )

    def set_fault(self, fault: str, which: Which = None, **attributes: object) -> None:
        """Give devices a fault by name, instead of the one they had."""
        self.set(which, fault=fault, **attributes)

    def arm(self, hook: str, which: Which = None, limit: float | None = None) -> None:
        """Hold devices at ``hook`` until `release`, at most ``limit`` seconds."""
        self._call("arm", hook=hook, which=_plain(which), limit=limit)

    def wait_hook(self, hook: str, count: int = 1, timeout: float = 30.0) -> list[int]:
        """Return the indexes of the devices that reached ``hook``.

        Raises `FleetError` when fewer than ``count`` did in ``timeout`` seconds,
        so a test whose hook was not reached fails.
        """
        found = self._call(
            "wait_hook", timeout, hook=hook, count=count, timeout=timeout
        )
        if len(set(found)) < count:
            raise FleetError(f"{len(set(found))} of {count} devices reached {hook}")
        return found

    def release(self, hook: str | None = None) -> int:
        """Release ``hook``, or all; returns how many devices waited."""
        return self._call("release", hook=hook)

    def wait_state(
        self, state: str = "up", which: Which = None, timeout: float = 30.0
    ) -> None:
        """Wait until the devices are ``up``, ``flashing``, ``rebooting``, ``gone``.

        Raises `FleetError` after ``timeout`` seconds.
        """
        arguments = {"state": state, "which": _plain(which), "timeout": timeout}
        if not self._call("wait_state", timeout, **arguments):
            raise FleetError(f"not all devices were {state} in {timeout} s")

    def power(self, which: Which, on: bool) -> None:
        """Switch devices off (connections are refused) or on (a boot)."""
        self._call("power", which=_plain(which), on=on)

    def link(self, which: Which, up: bool) -> None:
        """Let links die without FIN or RST, or bring them back."""
        self._call("link", which=_plain(which), up=up)

    def reset(self) -> None:
        """Make the devices as at the start and forget what was done to them.

        UUIDs that were set stay; hooks are released, faults set since are gone.
        """
        self._call("reset")


class FleetClient(FleetApi):
    """Talks to a fleet in another process.

    ``control`` is ``host:port`` or the path of a unix socket, as the fleet
    prints it at the start. Safe to use from several threads: each request has
    a connection of its own.
    """

    def __init__(self, control: str) -> None:
        self.control = control

    def stop(self) -> None:
        """End the process of the fleet."""
        self._call("stop")

    def _call(self, do: str, wait: float = 0.0, **arguments: object) -> Any:
        with self._connect() as connection:
            connection.settimeout(CALL_TIMEOUT + wait)
            request = json.dumps({"do": do, **arguments}) + "\n"
            with connection.makefile("rwb") as stream:
                stream.write(request.encode())
                stream.flush()
                return result_of(stream.readline())

    def _connect(self) -> socket.socket:
        if "/" in self.control:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(CALL_TIMEOUT)
            connection.connect(self.control)
            return connection
        host, port = self.control.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=CALL_TIMEOUT)


def result_of(line: bytes) -> Any:
    """Return the result in an answer of the control interface.

    Raises `FleetError` with the fleet's own words, or when there is no answer.
    """
    if not line:
        raise FleetError("the fleet closed the control connection")
    answer = json.loads(line)
    if "error" in answer:
        raise FleetError(answer["error"])
    return answer["result"]


def _plain(which: Which) -> Plain:
    if which is None or isinstance(which, int):
        return which
    if isinstance(which, (list, tuple)):
        return [_plain(one) for one in which]
    return str(which)


def _texts(attributes: Mapping[str, object]) -> dict[str, object]:
    known = (str, int, float, bool, list, tuple, type(None))
    return {
        name: value if isinstance(value, known) else str(value)
        for name, value in attributes.items()
    }
