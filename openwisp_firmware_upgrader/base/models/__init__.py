"""The abstract models; import them from here, the modules inside may move.

``logger`` may be replaced here: the models look it up when they need it.
"""

import logging

from ...exceptions import (
    FirmwareUpgradeOptionsException,
    ReconnectionFailed,
    RecoverableFailure,
    UpgradeAborted,
    UpgradeCancelled,
    UpgradeNotNeeded,
)
from ...hardware import (
    FIRMWARE_IMAGE_MAP,
    FIRMWARE_IMAGE_TYPE_CHOICES,
    REVERSE_FIRMWARE_IMAGE_MAP,
)
from ...swapper import get_model_name, load_model
from ...tasks import (
    batch_upgrade_operation,
    create_all_device_firmwares,
    create_device_firmware,
    upgrade_firmware,
)
from ...utils import (
    UpgradeProgress,
    get_upgrader_class_for_device,
    get_upgrader_class_from_device_connection,
    get_upgrader_schema_for_device,
)
from .batch import AbstractBatchUpgradeOperation
from .build import AbstractBuild
from .category import AbstractCategory
from .device_firmware import AbstractDeviceFirmware
from .image import AbstractFirmwareImage, get_build_directory
from .operation import PROGRESS_MAX, PROGRESS_MIN, AbstractUpgradeOperation
from .options import UpgradeOptionsMixin

logger = logging.getLogger(__name__)

__all__ = [
    "FIRMWARE_IMAGE_MAP",
    "FIRMWARE_IMAGE_TYPE_CHOICES",
    "PROGRESS_MAX",
    "PROGRESS_MIN",
    "REVERSE_FIRMWARE_IMAGE_MAP",
    "AbstractBatchUpgradeOperation",
    "AbstractBuild",
    "AbstractCategory",
    "AbstractDeviceFirmware",
    "AbstractFirmwareImage",
    "AbstractUpgradeOperation",
    "FirmwareUpgradeOptionsException",
    "ReconnectionFailed",
    "RecoverableFailure",
    "UpgradeAborted",
    "UpgradeCancelled",
    "UpgradeNotNeeded",
    "UpgradeOptionsMixin",
    "UpgradeProgress",
    "batch_upgrade_operation",
    "create_all_device_firmwares",
    "create_device_firmware",
    "get_build_directory",
    "get_model_name",
    "get_upgrader_class_for_device",
    "get_upgrader_class_from_device_connection",
    "get_upgrader_schema_for_device",
    "load_model",
    "logger",
    "upgrade_firmware",
]
