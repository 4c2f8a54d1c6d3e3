"""The admin; import its classes from here, the modules inside may move."""

from django.contrib import admin
from openwisp_controller.config.admin import DeviceAdmin
from swapper import load_model as load_any_model

from ..filters import (
    BuildCategoryFilter,
    BuildCategoryOrganizationFilter,
    BuildFilter,
    CategoryFilter,
    CategoryOrganizationFilter,
    FirmwareUpToDateFilter,
    FirmwareVersionFilter,
    GroupFilter,
    LocationFilter,
)
from ..swapper import load_model
from ..utils import get_upgrader_schema_for_device
from ..widgets import FirmwareSchemaWidget, MassUpgradeSelect2Widget
from .batches.admin import BatchUpgradeOperationAdmin
from .builds.admin import BuildAdmin, FirmwareImageInline
from .builds.confirmation_form import BatchUpgradeConfirmationForm
from .category import CategoryAdmin
from .devices.admin import DeviceFirmwareInline, DeviceUpgradeOperationInline
from .devices.forms import (
    DeviceFirmwareForm,
    DeviceFormSet,
    DeviceUpgradeOperationForm,
    DeviceUpgradeOperationFormSet,
)
from .operations.admin import (
    UpgradeOperationAdmin,
    UpgradeOperationForm,
    UpgradeOperationInline,
)
from .shared.deletion import IN_PROGRESS_DELETE_MESSAGE, IN_PROGRESS_STATUS
from .shared.guarded_input import GuardedInputMixin, guard_autocomplete, guard_input
from .shared.guarded_versions import GuardedVersionsMixin, guard_versions
from .shared.mixins import BaseAdmin, BaseVersionAdmin, ReadonlyUpgradeOptionsMixin
from .shared.upgrades import BaseUpgradeAdmin

Category = load_model("Category")
Build = load_model("Build")
FirmwareImage = load_model("FirmwareImage")
DeviceFirmware = load_model("DeviceFirmware")
BatchUpgradeOperation = load_model("BatchUpgradeOperation")
UpgradeOperation = load_model("UpgradeOperation")
Device = load_any_model("config", "Device")
DeviceGroup = load_any_model("config", "DeviceGroup")
DeviceConnection = load_any_model("connection", "DeviceConnection")
Location = load_any_model("geo", "Location")
Organization = load_any_model("openwisp_users", "Organization")

for _filter in (FirmwareVersionFilter, FirmwareUpToDateFilter):
    if _filter not in DeviceAdmin.list_filter:
        DeviceAdmin.list_filter.append(_filter)

guard_autocomplete(admin.site)

__all__ = [
    "IN_PROGRESS_DELETE_MESSAGE",
    "IN_PROGRESS_STATUS",
    "BaseAdmin",
    "BaseUpgradeAdmin",
    "BaseVersionAdmin",
    "BatchUpgradeConfirmationForm",
    "BatchUpgradeOperation",
    "BatchUpgradeOperationAdmin",
    "Build",
    "BuildAdmin",
    "BuildCategoryFilter",
    "BuildCategoryOrganizationFilter",
    "BuildFilter",
    "Category",
    "CategoryAdmin",
    "CategoryFilter",
    "CategoryOrganizationFilter",
    "Device",
    "DeviceAdmin",
    "DeviceConnection",
    "DeviceFirmware",
    "DeviceFirmwareForm",
    "DeviceFirmwareInline",
    "DeviceFormSet",
    "DeviceGroup",
    "DeviceUpgradeOperationForm",
    "DeviceUpgradeOperationFormSet",
    "DeviceUpgradeOperationInline",
    "FirmwareImage",
    "FirmwareImageInline",
    "FirmwareSchemaWidget",
    "GroupFilter",
    "GuardedInputMixin",
    "GuardedVersionsMixin",
    "Location",
    "LocationFilter",
    "MassUpgradeSelect2Widget",
    "Organization",
    "ReadonlyUpgradeOptionsMixin",
    "UpgradeOperation",
    "UpgradeOperationAdmin",
    "UpgradeOperationForm",
    "UpgradeOperationInline",
    "admin",
    "get_upgrader_schema_for_device",
    "guard_input",
    "guard_versions",
    "load_model",
]
