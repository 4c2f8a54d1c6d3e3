"""Serializers of the REST API; import them from here, the rooms inside may move."""

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

__all__ = [
    "BaseMeta",
    "BaseSerializer",
    "BatchUpgradeOperationListSerializer",
    "BatchUpgradeOperationSerializer",
    "BatchUpgradeSerializer",
    "BuildSerializer",
    "CategoryRelationSerializer",
    "CategorySerializer",
    "DeviceFirmwareSerializer",
    "DeviceUpgradeOperationSerializer",
    "FirmwareImageSerializer",
    "PreviewSerializer",
    "UpgradeOperationSerializer",
]
