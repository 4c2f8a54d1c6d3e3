"""What knows how to upgrade one kind of device."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from .connections import DeviceConnection
from .rows import Operation


class Upgrader(Protocol):
    """All that an upgrader must have.

    The rest it may have, such as ``verify``, ``clean_up``, ``SCHEMA`` and
    ``RECONNECT_DELAY``: see the documentation of custom upgraders.
    """

    upgrade_operation: Operation
    connection: DeviceConnection

    def __init__(self, upgrade_operation: Any, connection: Any) -> None:
        """Takes the operation and an open connection of its device."""

    def upgrade(self, image: Any) -> object:
        """Installs the image; raises DeviceRebooting or another outcome."""


UpgraderClass: TypeAlias = type[Upgrader]
