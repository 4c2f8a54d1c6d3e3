"""What a command asks of the world around it.

Commands are generators: they decide, and yield an effect wherever time passes or
the device itself changes. `FakeDevice` answers effects at once, the fleet lets
them take real time.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from .blobs import Blob


@dataclass
class Result:
    """What a command left behind: exit code, standard output and error."""

    code: int = 0
    out: str = ""
    err: str = ""


@dataclass(frozen=True)
class Sleep:
    """Time passes, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Hook:
    """A place where a test can make the device wait."""

    name: str


@dataclass(frozen=True)
class Hang:
    """The command never returns."""


@dataclass(frozen=True)
class Reboot:
    """The device restarts with the firmware it has."""


@dataclass(frozen=True)
class Flash:
    """The device accepted an image and begins to write it.

    ``keep_settings`` is False when sysupgrade was called with ``-n``.
    """

    image: Blob
    command: str
    keep_settings: bool


Effect: TypeAlias = Sleep | Hook | Hang | Reboot | Flash
Running: TypeAlias = Generator[Effect, None, Result]
