"""The abstract models; import them from here, the modules inside may move.

``logger`` may be replaced here: the models look it up when they need it.
"""

import logging

from .batch import AbstractBatchUpgradeOperation
from .build import AbstractBuild
from .category import AbstractCategory
from .device_firmware import AbstractDeviceFirmware
from .image import AbstractFirmwareImage, get_build_directory
from .operation import PROGRESS_MAX, PROGRESS_MIN, AbstractUpgradeOperation
from .options import UpgradeOptionsMixin

logger = logging.getLogger(__name__)

__all__ = [
    "PROGRESS_MAX",
    "PROGRESS_MIN",
    "AbstractBatchUpgradeOperation",
    "AbstractBuild",
    "AbstractCategory",
    "AbstractDeviceFirmware",
    "AbstractFirmwareImage",
    "AbstractUpgradeOperation",
    "UpgradeOptionsMixin",
    "get_build_directory",
    "logger",
]
