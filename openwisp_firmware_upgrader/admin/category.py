"""Categories in the admin."""

from django.contrib import admin

from ..filters import MultitenantOrgFilter
from ..swapper import load_model
from .shared.deletion import RunningUpgradesGuardMixin
from .shared.mixins import BaseVersionAdmin


@admin.register(load_model("Category"))
class CategoryAdmin(RunningUpgradesGuardMixin, BaseVersionAdmin):
    """Categories of the organizations somebody manages."""

    list_display = ["name", "organization", "created", "modified"]
    list_filter = [MultitenantOrgFilter]
    list_select_related = ["organization"]
    search_fields = ["name"]
    ordering = ["-name", "-created"]
