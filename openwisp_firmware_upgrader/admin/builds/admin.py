"""Builds and their images in the admin."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin import TimeReadonlyAdminMixin

from ...actions.delete_firmware import refuse_deletion
from ...actions.delete_operations import BelongsToOthers, StillInProgress
from ...filters import CategoryFilter, CategoryOrganizationFilter
from ...protocols import Build, Image, Row, User
from ...selectors import access
from ...swapper import load_model
from ...widgets import select2_media
from ..shared.deletion import RunningUpgradesGuardMixin
from ..shared.mixins import BaseAdmin
from ..shared.page_data import django_locale
from .changelist import BuildChangeList
from .mass_upgrade import MassUpgradeMixin


class FirmwareImageFormSet(forms.BaseInlineFormSet):
    """The images of a build; what is being installed stays."""

    # the user who sends the form
    requested_by: User | None = None

    def clean(self) -> None:
        """Refuses to delete an image that an upgrade in progress needs."""
        super().clean()
        doomed = [form.instance for form in self.deleted_forms]
        try:
            refuse_deletion(doomed, self.requested_by)
        except StillInProgress as error:
            text = _(
                "An image cannot be deleted while an upgrade in progress installs "
                "it. Cancel the upgrade or wait until it has ended."
            )
            raise ValidationError(text) from error
        except BelongsToOthers as error:
            raise ValidationError(str(error)) from error


class FirmwareImageInline(TimeReadonlyAdminMixin, admin.StackedInline):
    """The images of a build: added and removed, never replaced."""

    model = load_model("FirmwareImage")
    formset = FirmwareImageFormSet
    extra = 0

    @property
    def media(self) -> Media:
        """Select2 and the script that makes the types searchable."""
        own = Media(js=["firmware-upgrader/js/build.js"])
        return super().media + select2_media() + own

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        """Returns the images with what their names are made of."""
        return super().get_queryset(request).select_related("build__category")

    def get_formset(
        self, request: HttpRequest, obj: Build | None = None, **kwargs: object
    ) -> type[FirmwareImageFormSet]:
        """Tells the formset who sends it."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.requested_by = request.user
        return formset

    def has_change_permission(
        self, request: HttpRequest, obj: Build | None = None
    ) -> bool:
        """Images of a build that exists cannot be changed by anybody."""
        return not obj


@admin.register(load_model("Build"))
class BuildAdmin(MassUpgradeMixin, RunningUpgradesGuardMixin, BaseAdmin):
    """Builds of the organizations somebody manages."""

    list_display = [
        "__str__",
        "organization",
        "category",
        "created",
        "modified",
        "images",
        "devices",
    ]
    list_filter = [CategoryOrganizationFilter, CategoryFilter]
    list_select_related = ["category", "category__organization"]
    search_fields = ["category__name", "version", "os"]
    ordering = ["-created", "-version"]
    inlines = [FirmwareImageInline]
    actions = ["upgrade_selected"]
    autocomplete_fields = ["category"]
    multitenant_parent = "category"
    change_form_template = "admin/firmware_upgrader/change_form.html"

    @admin.display(description=_("organization"))
    def organization(self, obj: Build) -> Row | None:
        """Returns the organization of the build's category."""
        return obj.category.organization

    @admin.display(description=_("images"))
    def images(self, obj: Build) -> int | str:
        """Returns how many images the build has; known in the list only."""
        return getattr(obj, "number_of_images", self.get_empty_value_display())

    @admin.display(description=_("devices"))
    def devices(self, obj: Build) -> int | str:
        """Returns how many devices run the build; known in the list only."""
        return getattr(obj, "number_of_devices", self.get_empty_value_display())

    def get_changelist(
        self, request: HttpRequest, **kwargs: object
    ) -> type[ChangeList]:
        """Returns the list that counts images and devices."""
        return BuildChangeList

    def get_form(
        self, request: HttpRequest, obj: Build | None = None, **kwargs: object
    ) -> type[forms.ModelForm]:
        """Offers categories of managed organizations, shared ones to superusers."""
        form = super().get_form(request, obj, **kwargs)
        field = form.base_fields.get("category")
        if field is not None:
            field.queryset = access.of_managed(
                request.user, field.queryset, "organization"
            )
        return form

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, object] | None = None,
        **kwargs: object,
    ) -> HttpResponse:
        """Shows a build with the button that launches a mass upgrade."""
        options = self.opts
        extra_context = {
            **(extra_context or {}),
            "upgrade_url": f"{options.app_label}_{options.model_name}_changelist",
            "django_locale": django_locale(),
        }
        return super().change_view(
            request, object_id, extra_context=extra_context, **kwargs
        )
