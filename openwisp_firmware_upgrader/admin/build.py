"""Builds and their images in the admin."""

from django.contrib import admin
from openwisp_users.multitenancy import MultitenantAdminMixin
from openwisp_utils.admin import TimeReadonlyAdminMixin

from ..swapper import load_model


class FirmwareImageInline(TimeReadonlyAdminMixin, admin.StackedInline):
    """The images of a build."""

    model = load_model("FirmwareImage")
    extra = 0


@admin.register(load_model("Build"))
class BuildAdmin(MultitenantAdminMixin, TimeReadonlyAdminMixin, admin.ModelAdmin):
    """Builds of the organizations somebody manages."""

    list_display = ["__str__", "category", "created", "modified"]
    list_select_related = ["category"]
    search_fields = ["category__name", "version", "os"]
    ordering = ["-created", "-version"]
    inlines = [FirmwareImageInline]
    multitenant_parent = "category"
    multitenant_shared_relations = ["category"]
