"""The admin; import its classes from here, the modules inside may move."""

from .batch import BatchUpgradeOperationAdmin
from .build import BuildAdmin, FirmwareImageInline
from .category import CategoryAdmin

__all__ = [
    "BatchUpgradeOperationAdmin",
    "BuildAdmin",
    "CategoryAdmin",
    "FirmwareImageInline",
]
