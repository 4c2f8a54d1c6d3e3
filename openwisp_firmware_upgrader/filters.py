"""Filters of the admin's lists; choices are limited to managed organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter as AnyOrgFilter
from openwisp_users.multitenancy import MultitenantRelatedOrgFilter as AnyRelatedFilter
from swapper import load_model as load_any_model

from .protocols import Device, Row
from .reporting.dashboard import UP_TO_DATE, VERSION, current, outdated
from .selectors.access import of_managed
from .swapper import load_model

Build = load_model("Build")
Category = load_model("Category")


if TYPE_CHECKING:
    # what the mixin is mixed into
    from openwisp_users.multitenancy import MultitenantOrgFilter as AnyFilter
else:
    AnyFilter = object


class ManagedChoicesMixin(AnyFilter):
    """Renders the chosen object to who may choose it.

    The filters of openwisp-users narrow down what is offered, and write the name of
    whatever the address names as the present choice.
    """

    def __init__(self, request: HttpRequest, *args: object, **kwargs: object) -> None:
        self._user = request.user
        super().__init__(request, *args, **kwargs)

    def get_queryset_for_field(self, model: type[Model], name: str) -> QuerySet[Row]:
        """Returns the objects whose names may be shown."""
        rows = super().get_queryset_for_field(model, name)
        return of_managed(self._user, rows, self.org_lookup.removesuffix("__in"))


class MultitenantOrgFilter(ManagedChoicesMixin, AnyOrgFilter):
    """Rows of one of the organizations that the user manages."""


class MultitenantRelatedOrgFilter(ManagedChoicesMixin, AnyRelatedFilter):
    """Rows that belong to something of an organization that the user manages."""


class CategoryFilter(MultitenantRelatedOrgFilter):
    """Builds of one category."""

    field_name = "category"
    parameter_name = "category_id"
    title = _("category")


class CategoryOrganizationFilter(MultitenantOrgFilter):
    """Builds of one organization's categories."""

    parameter_name = "category__organization"
    rel_model = Category


class BuildCategoryFilter(MultitenantRelatedOrgFilter):
    """Mass upgrades to builds of one category."""

    field_name = "category"
    parameter_name = "build__category"
    title = _("category")
    rel_model = Build


class BuildFilter(MultitenantRelatedOrgFilter):
    """Mass upgrades to one build."""

    field_name = "build"
    parameter_name = "build_id"
    title = _("build")
    # builds have no organization of their own
    org_lookup = "category__organization__in"


class LocationFilter(MultitenantRelatedOrgFilter):
    """Mass upgrades of one location."""

    field_name = "location"
    parameter_name = "location_id"
    title = _("location")


class GroupFilter(MultitenantRelatedOrgFilter):
    """Mass upgrades of one group of devices."""

    field_name = "group"
    parameter_name = "group_id"
    title = _("group")


class BuildCategoryOrganizationFilter(MultitenantOrgFilter):
    """Mass upgrades to builds of one organization's categories."""

    parameter_name = "build__category__organization"
    rel_model = Category


class OperationOrganizationFilter(MultitenantOrgFilter):
    """Operations on the devices of one organization."""

    parameter_name = "device__organization"
    rel_model = load_any_model("config", "Device")


class OperationBatchFilter(MultitenantRelatedOrgFilter):
    """Operations of one mass upgrade."""

    field_name = "batch"
    parameter_name = "batch_id"
    title = _("mass upgrade")
    org_lookup = "build__category__organization__in"


class OperationBuildFilter(MultitenantRelatedOrgFilter):
    """Operations that install an image of one build."""

    field_name = "build"
    parameter_name = "image__build"
    title = _("build")
    org_lookup = "category__organization__in"
    rel_model = load_model("FirmwareImage")


class FirmwareVersionFilter(SimpleListFilter):
    """Devices that run a version; the dashboard links to it."""

    title = _("firmware version")
    parameter_name = VERSION

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, object],
        model: type[Model],
        model_admin: ModelAdmin,
    ) -> None:
        # what the dashboard links to; a choice made here is newer
        linked = params.pop(f"{VERSION}__exact", None)
        if linked is not None:
            params.setdefault(VERSION, linked)
        super().__init__(request, params, model, model_admin)

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin
    ) -> list[tuple[str, str]]:
        """Returns the versions of the builds the user may see."""
        rows = Build.objects.order_by("version")
        if not request.user.is_superuser:
            managed = Q(category__organization__in=request.user.organizations_managed)
            rows = rows.filter(managed | Q(category__organization=None))
        versions = rows.values_list("version", flat=True).distinct()
        return [(version, version) for version in versions]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Device]
    ) -> QuerySet[Device]:
        """Returns the devices on which the version is installed."""
        if self.value() is None:
            return queryset
        return queryset.filter(
            **{VERSION: self.value(), "devicefirmware__installed": True}
        )


class FirmwareUpToDateFilter(SimpleListFilter):
    """Devices that run the newest build of their category, or do not."""

    title = _("firmware up to date")
    parameter_name = UP_TO_DATE

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin
    ) -> list[tuple[str, str]]:
        """Returns the two answers."""
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Device]
    ) -> QuerySet[Device]:
        """Returns the devices the answer is true of."""
        conditions = {"yes": current, "no": outdated}
        if self.value() not in conditions:
            return queryset
        return queryset.filter(conditions[self.value()]())
