"""Categories in the admin."""

from django.contrib import admin
from openwisp_users.multitenancy import MultitenantAdminMixin
from openwisp_utils.admin import TimeReadonlyAdminMixin

from ..swapper import load_model


@admin.register(load_model("Category"))
class CategoryAdmin(MultitenantAdminMixin, TimeReadonlyAdminMixin, admin.ModelAdmin):
    """Categories of the organizations somebody manages."""

    list_display = ["name", "organization", "created", "modified"]
    list_filter = ["created"]
    search_fields = ["name"]
    ordering = ["-name", "-created"]
