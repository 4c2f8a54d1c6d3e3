"""What follows from one visit of a worker to an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..exceptions import RecoverableFailure


@dataclass(frozen=True)
class Done:
    """Nothing: the operation has ended, or is somebody else's."""


@dataclass(frozen=True)
class Wake:
    """The operation waits, it is due again in ``delay`` seconds."""

    delay: float


@dataclass(frozen=True)
class Retry:
    """The install phase is tried again in ``delay`` seconds because of ``error``."""

    delay: float
    error: RecoverableFailure


Decision: TypeAlias = Done | Wake | Retry
