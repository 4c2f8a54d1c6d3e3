"""Views of the REST API; import them from here, the rooms inside may move."""

from ...swapper import load_model
from ..filters import DeviceUpgradeOperationFilter, UpgradeOperationFilter
from ..permissions import UpgradeOperationCancelPermission
from ..serializers import (
    BatchUpgradeOperationListSerializer,
    BatchUpgradeOperationSerializer,
    BatchUpgradeSerializer,
    BuildSerializer,
    CategorySerializer,
    DeviceFirmwareSerializer,
    DeviceUpgradeOperationSerializer,
    FirmwareImageSerializer,
    UpgradeOperationSerializer,
)
from .batch import (
    BatchUpgradeOperationCancelView,
    BatchUpgradeOperationDetailView,
    BatchUpgradeOperationListView,
    BatchUpgradeOperationRetryView,
    batch_upgrade_operation_cancel,
    batch_upgrade_operation_detail,
    batch_upgrade_operation_list,
    batch_upgrade_operation_retry,
)
from .build import BuildDetailView, BuildListView, build_detail, build_list
from .category import (
    CategoryDetailView,
    CategoryListView,
    category_detail,
    category_list,
)
from .device_firmware import DeviceFirmwareDetailView, device_firmware_detail
from .image import (
    FirmwareImageDetailView,
    FirmwareImageDownloadView,
    FirmwareImageListView,
    FirmwareImageMixin,
    firmware_image_detail,
    firmware_image_download,
    firmware_image_list,
)
from .image_type import ImageTypeListView, image_type_list
from .launch import BuildBatchUpgradeView, api_batch_upgrade
from .mixins import ProtectedAPIMixin, RelatedDeviceAPIMixin
from .operation import (
    DeviceUpgradeOperationListView,
    DeviceUpgradeOperationMixin,
    UpgradeOperationCancelView,
    UpgradeOperationDetailView,
    UpgradeOperationListView,
    UpgradeOperationRetryView,
    device_upgrade_operation_list,
    upgrade_operation_cancel,
    upgrade_operation_detail,
    upgrade_operation_list,
    upgrade_operation_retry,
)

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
Build = load_model("Build")
Category = load_model("Category")
DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")

__all__ = [
    "BatchUpgradeOperation",
    "BatchUpgradeOperationCancelView",
    "BatchUpgradeOperationDetailView",
    "BatchUpgradeOperationListSerializer",
    "BatchUpgradeOperationListView",
    "BatchUpgradeOperationRetryView",
    "BatchUpgradeOperationSerializer",
    "BatchUpgradeSerializer",
    "Build",
    "BuildBatchUpgradeView",
    "BuildDetailView",
    "BuildListView",
    "BuildSerializer",
    "Category",
    "CategoryDetailView",
    "CategoryListView",
    "CategorySerializer",
    "DeviceFirmware",
    "DeviceFirmwareDetailView",
    "DeviceFirmwareSerializer",
    "DeviceUpgradeOperationFilter",
    "DeviceUpgradeOperationListView",
    "DeviceUpgradeOperationMixin",
    "DeviceUpgradeOperationSerializer",
    "FirmwareImage",
    "FirmwareImageDetailView",
    "FirmwareImageDownloadView",
    "FirmwareImageListView",
    "FirmwareImageMixin",
    "FirmwareImageSerializer",
    "ImageTypeListView",
    "ProtectedAPIMixin",
    "RelatedDeviceAPIMixin",
    "UpgradeOperation",
    "UpgradeOperationCancelPermission",
    "UpgradeOperationCancelView",
    "UpgradeOperationDetailView",
    "UpgradeOperationFilter",
    "UpgradeOperationListView",
    "UpgradeOperationRetryView",
    "UpgradeOperationSerializer",
    "api_batch_upgrade",
    "batch_upgrade_operation_cancel",
    "batch_upgrade_operation_detail",
    "batch_upgrade_operation_list",
    "batch_upgrade_operation_retry",
    "build_detail",
    "build_list",
    "category_detail",
    "category_list",
    "device_firmware_detail",
    "device_upgrade_operation_list",
    "firmware_image_detail",
    "firmware_image_download",
    "firmware_image_list",
    "image_type_list",
    "load_model",
    "upgrade_operation_cancel",
    "upgrade_operation_detail",
    "upgrade_operation_list",
    "upgrade_operation_retry",
]
