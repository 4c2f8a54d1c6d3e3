"""Which upgrader fits a device; both look-ups stay in this one module."""

from __future__ import annotations

import logging

from django.utils.module_loading import import_string
from swapper import load_model

from . import settings as app_settings
from .protocols import Device, DeviceConnection, JsonObject, UpgraderClass
from .statuses import UpgradeProgress

__all__ = [
    "UpgradeProgress",
    "get_upgrader_class_for_device",
    "get_upgrader_class_from_device_connection",
    "get_upgrader_schema_for_device",
]

logger = logging.getLogger(__name__)


def get_upgrader_class_from_device_connection(
    device_conn: DeviceConnection,
) -> UpgraderClass | None:
    """Returns the upgrader for a connection's update strategy.

    None, after logging why, when there is none or it cannot be imported.
    """
    try:
        return import_string(app_settings.UPGRADERS_MAP[device_conn.update_strategy])
    except (KeyError, ImportError, AttributeError) as error:
        logger.exception(error)
        return None


def get_upgrader_class_for_device(device: Device) -> UpgraderClass | None:
    """Returns the upgrader of a device's first enabled SSH connection.

    Raises DeviceConnection.DoesNotExist when it has none.
    """
    connections = device.deviceconnection_set.filter(
        enabled=True, update_strategy__icontains="ssh"
    )
    found = connections.first()
    if found is None:
        raise load_model("connection", "DeviceConnection").DoesNotExist
    return get_upgrader_class_from_device_connection(found)


def get_upgrader_schema_for_device(device: Device) -> JsonObject | None:
    """Returns the schema of a device's upgrade options, None without any.

    Raises DeviceConnection.DoesNotExist when it has no connection.
    """
    return getattr(get_upgrader_class_for_device(device), "SCHEMA", None)
