"""What knows how to upgrade one kind of device."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeAlias

from .connections import DeviceConnection
from .rows import JsonObject, Operation, Options


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


class UpgraderWithOptions(Upgrader, Protocol):
    """An upgrader that takes upgrade options; the others lack these."""

    SCHEMA: ClassVar[JsonObject | None]

    @classmethod
    def validate_upgrade_options(cls, upgrade_options: Options) -> None:
        """Raises ValidationError when it does not take these."""


UpgraderClass: TypeAlias = type[Upgrader]
