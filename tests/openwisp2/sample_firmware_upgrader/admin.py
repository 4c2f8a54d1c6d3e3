"""Extends the admin by monkey patching, as the documentation tells."""

from openwisp_firmware_upgrader.admin import (  # noqa: F401 their import registers
    BatchUpgradeOperationAdmin,
    BuildAdmin,
    CategoryAdmin,
    DeviceUpgradeOperationInline,
    UpgradeOperationForm,
)

BatchUpgradeOperationAdmin.fields.append("details")
UpgradeOperationForm.Meta.fields.append("details")
DeviceUpgradeOperationInline.fields.append("details")
BuildAdmin.list_display.insert(1, "details")
BuildAdmin.ordering = ["-version", "-created"]
