"""What the code expects of rows, connections and upgraders, for readers and mypy.

Models can be replaced by those of a derived app and upgraders by those of third
parties: what counts is what they have, not which class they are of.
"""

from __future__ import annotations

from .connections import Connector, DeviceConnection
from .rows import (
    Batch,
    Build,
    Category,
    Device,
    DeviceFirmware,
    Image,
    Json,
    JsonObject,
    Operation,
    Options,
    Owned,
    PrimaryKey,
    Row,
    User,
)
from .upgraders import Upgrader, UpgraderClass, UpgraderWithOptions

__all__ = [
    "Batch",
    "Build",
    "Category",
    "Connector",
    "Device",
    "DeviceConnection",
    "DeviceFirmware",
    "Image",
    "Json",
    "JsonObject",
    "Operation",
    "Options",
    "Owned",
    "PrimaryKey",
    "Row",
    "Upgrader",
    "UpgraderClass",
    "UpgraderWithOptions",
    "User",
]
