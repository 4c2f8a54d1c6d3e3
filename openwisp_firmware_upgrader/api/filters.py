"""What lists can be narrowed down to."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone as python_timezone
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from django_filters.constants import EMPTY_VALUES
from django_filters.fields import IsoDateTimeField
from openwisp_users.api.mixins import FilterDjangoByOrgManaged
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.views import APIView
from swapper import load_model as load_any_model

from ..hardware import FIRMWARE_IMAGE_TYPE_CHOICES
from ..protocols import Row
from ..statuses import BatchStatus, OperationStatus
from ..swapper import load_model

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
Build = load_model("Build")
Category = load_model("Category")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")
Device = load_any_model("config", "Device")
DeviceGroup = load_any_model("config", "DeviceGroup")
Location = load_any_model("geo", "Location")


class StorableMomentField(IsoDateTimeField):
    """A moment that exists in every time zone."""

    def clean(self, value: object) -> datetime | None:
        """Refuses moments which cannot be told in UTC."""
        moment = super().clean(value)
        try:
            return moment and moment.astimezone(python_timezone.utc)
        except OverflowError as error:
            raise FormError(self.error_messages["invalid"]) from error


class MomentFilter(filters.IsoDateTimeFilter):
    """A date and time in ISO 8601."""

    field_class = StorableMomentField


class GivenValues(forms.SelectMultiple):
    """Several values of one parameter; empty ones mean nothing."""

    def value_from_datadict(
        self, data: QueryDict, files: MultiValueDict, name: str
    ) -> list[str]:
        """Returns the values that are not empty."""
        values = super().value_from_datadict(data, files, name)
        return [value for value in values or () if value not in EMPTY_VALUES]


class RepeatedFilter(filters.MultipleChoiceFilter):
    """One of several values: the parameter may be repeated."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, widget=GivenValues, **kwargs)


class VisibleIdFilter(filters.UUIDFilter):
    """The id of an object the user may see; any other one is an error.

    Arguments:
        model: the model of the object.
        organization: look-up of its organization.
        shared: whether objects without organization may be seen.
        known: whether superusers get an error for an id that does not exist.
    """

    def __init__(
        self,
        *args: object,
        model: type[Row],
        organization: str,
        shared: bool = False,
        known: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.related_model, self.organization = model, organization
        self.shared, self.known = shared, known

    def filter(self, qs: QuerySet[Row], value: UUID | None) -> QuerySet[Row]:
        """Narrows the rows down; raises ValidationError for an unseen id."""
        if value in EMPTY_VALUES:
            return qs
        if not self._is_visible(cast("UUID", value)):
            text = _("Select a valid choice. There is no %(id)s among yours.")
            name = next(k for k, v in self.parent.filters.items() if v is self)
            raise ValidationError({name: [text % {"id": value}]})
        return super().filter(qs, value)

    def _is_visible(self, value: UUID) -> bool:
        user = self.parent.request.user
        rows = self.related_model.objects.filter(pk=value)
        if user.is_superuser:
            return not self.known or rows.exists()
        seen = Q(**{f"{self.organization}__in": user.organizations_managed})
        if self.shared:
            seen |= Q(**{f"{self.organization}__isnull": True})
        return rows.filter(seen).exists()


def of_category(**kwargs: object) -> VisibleIdFilter:
    """Returns the filter by category."""
    options: dict[str, Any] = {"organization": "organization", "shared": True, **kwargs}
    return VisibleIdFilter(model=Category, label=_("Category"), **options)


class ChangesFilter(filters.FilterSet):
    """When rows were made and changed."""

    created_after = MomentFilter(
        field_name="created", lookup_expr="gte", label=_("Created at or after")
    )
    created_before = MomentFilter(
        field_name="created", lookup_expr="lte", label=_("Created at or before")
    )
    modified_after = MomentFilter(
        field_name="modified", lookup_expr="gte", label=_("Modified at or after")
    )
    modified_before = MomentFilter(
        field_name="modified", lookup_expr="lte", label=_("Modified at or before")
    )


class BuildFilter(FilterDjangoByOrgManaged):
    """Filters of builds."""

    category = of_category()
    version = filters.CharFilter(label=_("Version"))
    os = filters.CharFilter(label=_("OS identifier"))

    class Meta:
        model = Build
        fields = ["category", "version", "os"]


class FirmwareImageFilter(FilterDjangoByOrgManaged):
    """Filters of the images of a build."""

    type = filters.ChoiceFilter(label=_("Type"), choices=FIRMWARE_IMAGE_TYPE_CHOICES)

    class Meta:
        model = FirmwareImage
        fields = ["type"]


class BatchUpgradeOperationFilter(ChangesFilter, FilterDjangoByOrgManaged):
    """Filters of mass upgrades."""

    build = VisibleIdFilter(
        model=Build,
        organization="category__organization",
        shared=True,
        label=_("Build"),
    )
    status = RepeatedFilter(label=_("Status"), choices=BatchStatus.choices)
    created = MomentFilter(label=_("Created"))
    group = VisibleIdFilter(
        model=DeviceGroup, organization="organization", label=_("Device group")
    )
    location = VisibleIdFilter(
        model=Location, organization="organization", label=_("Location")
    )

    class Meta:
        model = BatchUpgradeOperation
        fields = ["build", "status", "created"]


class UpgradeOperationFilter(FilterDjangoByOrgManaged, ChangesFilter):
    """Filters of upgrade operations."""

    device = VisibleIdFilter(
        model=Device, organization="organization", known=False, label=_("Device")
    )
    image = VisibleIdFilter(
        model=FirmwareImage,
        organization="build__category__organization",
        shared=True,
        known=False,
        label=_("Image"),
    )
    status = RepeatedFilter(label=_("Status"), choices=OperationStatus.choices)
    batch = VisibleIdFilter(
        model=BatchUpgradeOperation,
        organization="build__category__organization",
        shared=True,
        label=_("Mass upgrade operation"),
    )
    group = VisibleIdFilter(
        field_name="device__group",
        model=DeviceGroup,
        organization="organization",
        label=_("Group of the device"),
    )
    location = VisibleIdFilter(
        field_name="device__devicelocation__location",
        model=Location,
        organization="organization",
        label=_("Location of the device"),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.filters["device__organization"].label = _("Organization")
        self.filters["device__organization__slug"].label = _("Organization slug")

    class Meta:
        model = UpgradeOperation
        fields = [
            "device__organization",
            "device__organization__slug",
            "device",
            "image",
            "status",
        ]


class DeviceUpgradeOperationFilter(FilterDjangoByOrgManaged):
    """Filters of the operations of one device."""

    status = RepeatedFilter(label=_("Status"), choices=OperationStatus.choices)

    class Meta:
        model = UpgradeOperation
        fields = ["status"]


class FieldSearchFilter(SearchFilter):
    """A search whose refusal is told under the name of its parameter."""

    def get_search_terms(self, request: Request) -> list[str]:
        """Returns the words to look for."""
        try:
            return super().get_search_terms(request)
        except ValidationError as error:
            raise ValidationError({self.search_param: error.detail}) from error


class StableOrderingFilter(OrderingFilter):
    """Ordering in which no two rows are equal, so that pages do not overlap."""

    def get_ordering(
        self, request: Request, queryset: QuerySet[Row], view: APIView
    ) -> list[str]:
        """Returns the asked or default order, the key last."""
        return [*(super().get_ordering(request, queryset, view) or ()), "pk"]
