"""The firmware tabs on the page of a device."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import reversion
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from openwisp_controller.config.admin import (
    DeactivatedDeviceReadOnlyMixin,
    DeviceAdmin,
)
from openwisp_users.multitenancy import MultitenantAdminMixin

from ...protocols import Device, DeviceFirmware, JsonObject, Operation
from ...swapper import load_model
from ..operations.admin import UpgradeOperationInline
from ..shared.assets import OPERATION_JS
from ..shared.guarded_input import guard_input
from ..shared.guarded_versions import guard_versions
from ..shared.mixins import ReadonlyUpgradeOptionsMixin
from ..shared.page_data import operation_cancel_url, script_json
from .forms import (
    DeviceFirmwareForm,
    DeviceFormSet,
    DeviceUpgradeOperationForm,
    DeviceUpgradeOperationFormSet,
)
from .page import DevicePage

RECENT = timedelta(days=7)

# what scripts of both tabs need
PROGRESS_CSS = [
    "firmware-upgrader/css/upgrade-progress.css",
    "firmware-upgrader/css/device-tabs.css",
]


class DeviceFirmwareInline(
    MultitenantAdminMixin, DeactivatedDeviceReadOnlyMixin, admin.StackedInline
):
    """The tab "Firmware": which image the device runs, or is to run."""

    model = load_model("DeviceFirmware")
    form = DeviceFirmwareForm
    formset = DeviceFormSet
    exclude = ["created"]
    readonly_fields = ["installed", "modified"]
    extra = 0
    verbose_name = _("Firmware")
    verbose_name_plural = verbose_name
    multitenant_shared_relations = ["device"]
    select_related = ["device", "image"]
    template = "admin/firmware_upgrader/device_firmware_inline.html"
    # openwisp-monitoring replaces the inlines by sortable ones
    sortable_options = {"disabled": True}

    class Media:
        js = OPERATION_JS
        css = {"all": PROGRESS_CSS}

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeviceFirmware]:
        """Joins what the image is called by."""
        rows = super().get_queryset(request)
        return rows.select_related(*self.select_related, "image__build__category")

    def get_formset(
        self, request: HttpRequest, obj: Device | None = None, **kwargs: object
    ) -> type[DeviceFormSet]:
        """Tells the formset what its scripts need."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.upgrade_operation_cancel_url = operation_cancel_url(request.user)
        formset.requested_by = request.user
        formset.report = staticmethod(partial(messages.error, request))
        if obj is not None:
            formset.page = DevicePage.of(request, obj)
            formset.extra_context = script_json(formset.page.upgrader_schema)
        return formset

    def _get_conditional_queryset(
        self, request: HttpRequest, obj: Device | None, select_related: bool = False
    ) -> bool:
        return bool(obj)


class DeviceUpgradeOperationInline(ReadonlyUpgradeOptionsMixin, UpgradeOperationInline):
    """The tab "Recent Firmware Upgrades": the upgrades of the last week."""

    verbose_name = _("Recent Firmware Upgrades")
    verbose_name_plural = verbose_name
    form = DeviceUpgradeOperationForm
    formset = DeviceUpgradeOperationFormSet
    fields = [
        "device",
        "image",
        "status",
        "log",
        "readonly_upgrade_options",
        "modified",
    ]
    # one list: what a derived app appends is shown, and cannot be changed
    readonly_fields = fields
    template = "admin/firmware_upgrader/device_operations_inline.html"
    sortable_options = {"disabled": True}

    class Media:
        js = OPERATION_JS
        css = {
            "all": [*PROGRESS_CSS, "firmware-upgrader/css/upgrade-options.css"],
        }

    # the page this instance was made for
    _page: DevicePage | None = None

    def get_queryset(
        self, request: HttpRequest, select_related: bool = True
    ) -> QuerySet[Operation]:
        """Returns the device's operations of the last week, newest first.

        Where the URL names no device, as while one is recovered, nothing is left
        out here; the formset keeps to its device.
        """
        rows = self._visible(request)
        device_id = _device_of(request)
        if device_id:
            since = localtime() - RECENT
            rows = rows.filter(device_id=device_id, created__gte=since)
            rows = rows.order_by("-created")
        if select_related:
            rows = rows.select_related("device", "image__build__category")
        return rows

    def _visible(self, request: HttpRequest) -> QuerySet[Operation]:
        if hasattr(request, "user"):
            return super().get_queryset(request)
        # programs ask without a user, no page does
        return self.model._default_manager.all()  # noqa: SLF001 Django's name

    def get_formset(
        self, request: HttpRequest, obj: Device | None = None, **kwargs: object
    ) -> type[DeviceUpgradeOperationFormSet]:
        """Tells the formset what its template needs."""
        formset = super().get_formset(request, obj, **kwargs)
        if obj is not None:
            formset.page = self._page = DevicePage.of(request, obj)
        return formset

    def get_upgrader_schema(  # type: ignore[override]  # a tab of operations only
        self, obj: Operation
    ) -> JsonObject | None:
        """Returns the schema of the device's options, looked up once a page."""
        page = self._page
        if page is None or page.device.pk != obj.device_id:
            return super().get_upgrader_schema(obj)
        if not page.has_connection:
            raise ObjectDoesNotExist
        return page.upgrader_schema

    def _get_conditional_queryset(
        self, request: HttpRequest, obj: Device | None, select_related: bool = False
    ) -> bool:
        if not obj:
            return False
        rows = self.get_queryset(request, select_related=select_related)
        return rows.filter(device_id=obj.pk).exists()


def _device_of(request: HttpRequest) -> str | None:
    try:
        return resolve(request.path_info).kwargs.get("object_id")
    except Resolver404:
        return None


DeviceAdmin.conditional_inlines += [DeviceFirmwareInline, DeviceUpgradeOperationInline]

# the engine's columns mean nothing in a device that is recovered
ENGINE_COLUMNS = (
    "phase",
    "runs",
    "attempts",
    "next_run_at",
    "lease_expires_at",
    "evidence",
    "log_times",
)
reversion.register(model=load_model("DeviceFirmware"), follow=["device"])
reversion.register(model=load_model("UpgradeOperation"), exclude=ENGINE_COLUMNS)
# what is followed is reverted through that page, which does not look first
guard_versions(DeviceAdmin)
guard_input(DeviceAdmin)
DeviceAdmin.add_reversion_following(follow=["devicefirmware", "upgradeoperation_set"])
