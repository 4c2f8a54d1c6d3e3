"""Names of the channel groups that browsers listen to."""

from __future__ import annotations

from uuid import UUID

from ..protocols import PrimaryKey


def operation_group(pk: PrimaryKey) -> str:
    """Returns the group of one upgrade operation."""
    return f"upgrade_{_canonical(pk)}"


def batch_group(pk: PrimaryKey) -> str:
    """Returns the group of one mass upgrade operation."""
    return f"batch_upgrade_{_canonical(pk)}"


def device_group(pk: PrimaryKey) -> str:
    """Returns the group of one device."""
    return f"firmware_upgrader.device-{_canonical(pk)}"


def _canonical(pk: PrimaryKey) -> str:
    try:
        return str(UUID(str(pk)))
    except ValueError:
        # a derived app may use another kind of primary key
        return str(pk)
