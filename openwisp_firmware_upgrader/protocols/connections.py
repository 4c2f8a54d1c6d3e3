"""Ways to a device, see openwisp-controller's app ``connection``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from .rows import Device, Row


class Connector(Protocol):
    """What speaks with a device, SSH or another protocol.

    It may lack anything but these: ``shell`` and ``is_connected`` are paramiko's.
    """

    def connect(self) -> None:
        """Opens the connection."""

    def disconnect(self) -> None:
        """Closes it."""

    def exec_command(self, *args: Any, **kwargs: Any) -> tuple[str, int]:
        """Runs a command; returns what it printed and its exit code."""

    def upload(self, fl: Any, remote_path: str) -> None:
        """Copies a file to the device."""


class DeviceConnection(Row, Protocol):
    """Credentials of a device, and whether they work."""

    device: Device
    device_id: Any
    credentials: Any
    update_strategy: str
    enabled: bool
    is_working: bool | None
    failure_reason: str
    last_attempt: datetime | None

    @property
    def connector_instance(self) -> Connector:
        """The connector; made by the first look."""

    @classmethod
    def get_working_connection(cls, device: Device) -> DeviceConnection:
        """Returns the first open one; raises NoWorkingDeviceConnectionError."""

    def get_addresses(self) -> list[str]:
        """Returns where the device may be found."""

    def get_params(self) -> dict[str, Any]:
        """Returns what the connector is made with."""

    def connect(self) -> bool:
        """Opens the connection; returns whether that worked, and stores it."""

    def disconnect(self) -> None:
        """Closes it."""
