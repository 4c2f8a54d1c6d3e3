"""Mass upgrade operations in the admin."""

from django.contrib import admin
from openwisp_users.multitenancy import MultitenantAdminMixin
from openwisp_utils.admin import ReadOnlyAdmin

from ..swapper import load_model


@admin.register(load_model("BatchUpgradeOperation"))
class BatchUpgradeOperationAdmin(MultitenantAdminMixin, ReadOnlyAdmin):
    """Mass upgrades of the organizations somebody manages, to look at."""

    list_display = ["build", "status", "created", "modified"]
    list_filter = ["status"]
    list_select_related = ["build__category"]
    ordering = ["-created"]
    fields = ["build", "group", "location", "status", "created", "modified"]
    multitenant_parent = "build__category"
