"""Views of the REST API; import them from here, the rooms inside may move."""

from ..permissions import UpgradeOperationCancelPermission
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

__all__ = [
    "BatchUpgradeOperationCancelView",
    "BatchUpgradeOperationDetailView",
    "BatchUpgradeOperationListView",
    "BatchUpgradeOperationRetryView",
    "BuildBatchUpgradeView",
    "BuildDetailView",
    "BuildListView",
    "CategoryDetailView",
    "CategoryListView",
    "DeviceFirmwareDetailView",
    "DeviceUpgradeOperationListView",
    "DeviceUpgradeOperationMixin",
    "FirmwareImageDetailView",
    "FirmwareImageDownloadView",
    "FirmwareImageListView",
    "FirmwareImageMixin",
    "ImageTypeListView",
    "ProtectedAPIMixin",
    "RelatedDeviceAPIMixin",
    "UpgradeOperationCancelPermission",
    "UpgradeOperationCancelView",
    "UpgradeOperationDetailView",
    "UpgradeOperationListView",
    "UpgradeOperationRetryView",
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
    "upgrade_operation_cancel",
    "upgrade_operation_detail",
    "upgrade_operation_list",
    "upgrade_operation_retry",
]
