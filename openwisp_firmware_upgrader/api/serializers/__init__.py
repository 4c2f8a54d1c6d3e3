"""Serializers of the REST API; import them from here, the rooms inside may move."""

from ...swapper import load_model
from .base import BaseMeta, BaseSerializer
from .batch import (
    BatchUpgradeOperationListSerializer,
    BatchUpgradeOperationSerializer,
    BatchUpgradeSerializer,
    PreviewSerializer,
)
from .build import BuildSerializer
from .category import CategoryRelationSerializer, CategorySerializer
from .device_firmware import DeviceFirmwareSerializer
from .image import FirmwareImageSerializer
from .operation import DeviceUpgradeOperationSerializer, UpgradeOperationSerializer

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
Build = load_model("Build")
Category = load_model("Category")
DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")

__all__ = [
    "BaseMeta",
    "BaseSerializer",
    "BatchUpgradeOperation",
    "BatchUpgradeOperationListSerializer",
    "BatchUpgradeOperationSerializer",
    "BatchUpgradeSerializer",
    "Build",
    "BuildSerializer",
    "Category",
    "CategoryRelationSerializer",
    "CategorySerializer",
    "DeviceFirmware",
    "DeviceFirmwareSerializer",
    "DeviceUpgradeOperationSerializer",
    "FirmwareImage",
    "FirmwareImageSerializer",
    "PreviewSerializer",
    "UpgradeOperation",
    "UpgradeOperationSerializer",
    "load_model",
]
