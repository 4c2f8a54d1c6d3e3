"""The concrete models, each replaceable through swapper."""

from swapper import swappable_setting

from .base.models import (
    AbstractBatchUpgradeOperation,
    AbstractBuild,
    AbstractCategory,
    AbstractDeviceFirmware,
    AbstractFirmwareImage,
    AbstractUpgradeOperation,
)


class Category(AbstractCategory):
    """See ``base.models.AbstractCategory``."""

    class Meta(AbstractCategory.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "Category")


class Build(AbstractBuild):
    """See ``base.models.AbstractBuild``."""

    class Meta(AbstractBuild.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "Build")


class FirmwareImage(AbstractFirmwareImage):
    """See ``base.models.AbstractFirmwareImage``."""

    class Meta(AbstractFirmwareImage.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "FirmwareImage")


class DeviceFirmware(AbstractDeviceFirmware):
    """See ``base.models.AbstractDeviceFirmware``."""

    class Meta(AbstractDeviceFirmware.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "DeviceFirmware")


class BatchUpgradeOperation(AbstractBatchUpgradeOperation):
    """See ``base.models.AbstractBatchUpgradeOperation``."""

    class Meta(AbstractBatchUpgradeOperation.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "BatchUpgradeOperation")


class UpgradeOperation(AbstractUpgradeOperation):
    """See ``base.models.AbstractUpgradeOperation``."""

    class Meta(AbstractUpgradeOperation.Meta):
        abstract = False
        swappable = swappable_setting("firmware_upgrader", "UpgradeOperation")
