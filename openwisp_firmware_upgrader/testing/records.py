"""What a simulated device remembers about what was done to it: the oracle.

Reports travel over the control interface as JSON, so every class here is plain
data that `to_dict` and `DeviceReport.of` turn both ways.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import Any


@dataclass
class CommandRecord:
    """A command as it arrived: Unix time, text, number of the connection.

    ``code`` is None while it runs, and for ever when it never returned.
    """

    at: float
    text: str
    session: int
    boot_id: str
    code: int | None = None


@dataclass
class UploadRecord:
    """A file that was sent: ``declared`` and received ``size`` in bytes.

    ``complete`` tells that the device holds all that was declared; ``sha256``
    is that of what it holds.
    """

    at: float
    path: str
    declared: int
    session: int
    boot_id: str
    size: int = 0
    complete: bool = False
    sha256: str = ""


@dataclass
class FlashRecord:
    """An image the device accepted and wrote over its firmware.

    ``boot_id`` is that of the boot in which the command arrived.
    """

    at: float
    command: str
    sha256: str
    size: int
    boot_id: str


@dataclass
class SessionRecord:
    """An authenticated connection: Unix times, ``ended`` None while it is open."""

    began: float
    ended: float | None = None


@dataclass
class Record:
    """All that was done to one device since it was made or reset."""

    commands: list[CommandRecord] = field(default_factory=list)
    uploads: list[UploadRecord] = field(default_factory=list)
    flashes: list[FlashRecord] = field(default_factory=list)
    spans: list[SessionRecord] = field(default_factory=list)
    connects: int = 0
    sessions: int = 0
    max_sessions: int = 0

    def login(self) -> int:
        """Note an authenticated connection and return its number, from 1."""
        self.spans.append(SessionRecord(time.time()))
        self.sessions += 1
        self.max_sessions = max(self.max_sessions, self.sessions)
        return self.logins

    def logout(self, number: int) -> None:
        """Note the end of the authenticated connection ``number``."""
        self.spans[number - 1].ended = time.time()
        self.sessions -= 1

    @property
    def logins(self) -> int:
        """How many authenticated connections there were."""
        return len(self.spans)

    def command(self, text: str, session: int, boot_id: str) -> CommandRecord:
        """Note a command that arrived."""
        self.commands.append(CommandRecord(time.time(), text, session, boot_id))
        return self.commands[-1]


@dataclass(frozen=True)
class DeviceReport:
    """The truth about one device at one moment.

    ``state`` is ``up``, ``flashing``, ``rebooting`` or ``gone``; ``silent``
    tells that its link is dead. ``tmp`` has the files of /tmp with their sizes
    in bytes, ``services`` whether each runs, ``marker`` the text of the
    checksum marker file or None. Times are Unix times.
    """

    index: int
    uuid: str
    address: str
    port: int
    state: str
    silent: bool
    fault: str
    model: str
    board_name: str
    release: str
    boot_id: str
    boots: int
    marker: str | None
    wifi_up: bool
    mem_available_kib: int
    services: dict[str, bool]
    tmp: dict[str, int]
    sessions: int
    max_sessions: int
    logins: int
    connects: int
    commands: tuple[CommandRecord, ...] = ()
    uploads: tuple[UploadRecord, ...] = ()
    flashes: tuple[FlashRecord, ...] = ()
    spans: tuple[SessionRecord, ...] = ()

    @classmethod
    def of(cls, data: dict[str, Any]) -> DeviceReport:
        """Return the report that `to_dict` turned into ``data``."""
        return cls(
            **{
                **data,
                "commands": tuple(CommandRecord(**c) for c in data["commands"]),
                "uploads": tuple(UploadRecord(**u) for u in data["uploads"]),
                "flashes": tuple(FlashRecord(**f) for f in data["flashes"]),
                "spans": tuple(SessionRecord(**s) for s in data["spans"]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return asdict(self)

    @property
    def command_texts(self) -> list[str]:
        """The texts of all commands, in the order of arrival."""
        return [command.text for command in self.commands]

    @property
    def services_running(self) -> bool:
        """Whether every service runs."""
        return all(self.services.values())


@dataclass(frozen=True)
class Ledger:
    """The reports of all devices, asked by UUID."""

    devices: tuple[DeviceReport, ...]

    def __getitem__(self, uuid: object) -> DeviceReport:
        """Return the report of the device ``uuid`` (text or UUID)."""
        for device in self.devices:
            if device.uuid == str(uuid):
                return device
        raise KeyError(str(uuid))

    def flashes_of(self, uuid: object) -> int:
        """How often the device was flashed."""
        return len(self[uuid].flashes)

    def uploads_of(self, uuid: object) -> tuple[UploadRecord, ...]:
        """What was sent to the device."""
        return self[uuid].uploads

    def commands_of(self, uuid: object) -> list[str]:
        """The commands the device got, without times."""
        return self[uuid].command_texts

    @property
    def flashes(self) -> int:
        """All flashes of all devices."""
        return sum(len(device.flashes) for device in self.devices)

    @property
    def flashed_more_than_once(self) -> list[str]:
        """UUIDs of the devices that were flashed twice or more."""
        return [d.uuid for d in self.devices if len(d.flashes) > 1]

    @property
    def max_sessions(self) -> int:
        """The most authenticated connections one device had at once."""
        return max((device.max_sessions for device in self.devices), default=0)

    def peak_sessions(self, uuids: Iterable[object] | None = None) -> int:
        """Return the most authenticated connections that were open at once.

        ``uuids`` counts only those of some devices, None those of all.
        """
        chosen = None if uuids is None else {str(uuid) for uuid in uuids}
        moves = []
        for device in self.devices:
            if chosen is None or device.uuid in chosen:
                for span in device.spans:
                    moves.append((span.began, 1))
                    moves.append((span.ended or math.inf, -1))
        # of two moves at the same time the end counts first
        return max(accumulate(step for _at, step in sorted(moves)), default=0)

    @property
    def releases(self) -> Counter[str]:
        """How many devices run each release."""
        return Counter(device.release for device in self.devices)
