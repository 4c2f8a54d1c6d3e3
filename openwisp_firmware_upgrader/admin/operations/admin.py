"""Single upgrade operations in the admin."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from ...filters import (
    OperationBatchFilter,
    OperationBuildFilter,
    OperationOrganizationFilter,
)
from ...live import payloads
from ...protocols import Batch, JsonObject, Operation, Row, User
from ...selectors import access
from ...state.log import reason
from ...statuses import OperationStatus
from ...swapper import load_model
from ..shared.assets import OPERATION_JS
from ..shared.labels import script_labels
from ..shared.page_data import admin_url, api_host, django_locale, operation_cancel_url
from ..shared.upgrades import BaseUpgradeAdmin
from .views import OperationViewsMixin


class UpgradeOperationForm(forms.ModelForm):
    """What pages show of an operation; the lists may be extended."""

    class Meta:
        fields = ["image", "status", "log", "modified"]
        labels = {"modified": _("last updated")}


class UpgradeOperationInline(admin.StackedInline):
    """Operations on the page of something they belong to."""

    model = load_model("UpgradeOperation")
    form = UpgradeOperationForm
    # the same list, what is appended to one is in both
    readonly_fields = UpgradeOperationForm.Meta.fields
    extra = 0

    class Media:
        css = {"all": ["firmware-upgrader/css/upgrade-options.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Row | None) -> bool:
        """Operations come into being by choosing an image, not here."""
        return False


@admin.register(load_model("UpgradeOperation"))
class UpgradeOperationAdmin(OperationViewsMixin, BaseUpgradeAdmin):
    """Operations on the devices of managed organizations."""

    form = UpgradeOperationForm
    list_display = ["device", "status", "image", "modified"]
    list_filter = [
        "status",
        OperationOrganizationFilter,
        OperationBatchFilter,
        OperationBuildFilter,
        "created",
    ]
    list_select_related = ["device", "image__build__category"]
    search_fields = ["device__name", "device__mac_address"]
    ordering = ["-modified"]
    readonly_fields = ["device", "image", "status", "log", "modified"]
    fields = [
        "device",
        "image",
        "status",
        "log",
        "readonly_upgrade_options",
        "modified",
    ]
    change_form_template = "admin/firmware_upgrader/upgrade_operation_change_form.html"
    multitenant_parent = "device"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """Returns the operations with the mass upgrade they belong to."""
        related = ["device", "image__build__category", "batch__build__category"]
        return super().get_queryset(request).select_related(*related)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Operation | None:
        """Returns an operation, looked up once a request."""
        key = f"_firmware_operation_{object_id}"
        if not hasattr(request, key):
            found = super().get_object(request, object_id, from_field)
            setattr(request, key, found)
        return getattr(request, key)

    def get_fields(
        self, request: HttpRequest, obj: Operation | None = None
    ) -> list[str]:
        """Returns what is shown; the mass upgrade second, where there is one."""
        found = list(super().get_fields(request, obj))
        batch = obj.batch if obj is not None and "batch" not in found else None
        # the link to a mass upgrade of a shared build leads others nowhere
        if batch is not None and sees_batch(request.user, batch):
            found.insert(1, "batch")
        return found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, object] | None = None,
        **kwargs: object,
    ) -> HttpResponse:
        """Shows an operation, live."""
        operation = self.get_object(request, object_id)
        context = {
            **(extra_context or {}),
            "upgrade_operation_cancel_url": operation_cancel_url(request.user),
            "django_locale": django_locale(),
            "api_host": api_host(request),
            "scripts": OPERATION_JS,
            "labels": script_labels(),
        }
        if operation is not None and self.has_view_permission(request, operation):
            context.update(self._facts(request, operation))
            batch = operation.batch
            if batch is not None and names_batch(request.user, batch):
                context.update(self._batch_context(request, batch))
        return super().change_view(request, object_id, context, **kwargs)

    def _facts(self, request: HttpRequest, operation: Operation) -> dict[str, object]:
        pk = operation.pk
        may_change = self.has_change_permission(request, operation)
        return {
            "reason": reason_of(operation),
            "operations": [live_facts(operation)],
            "state_url": admin_url("UpgradeOperation", "state", pk),
            "retry_url": admin_url("UpgradeOperation", "retry", pk)
            if may_change
            else "",
            "cancel_url": (
                admin_url("UpgradeOperation", "cancel", pk)
                if may_change and not operation_cancel_url(request.user)
                else ""
            ),
        }

    def _batch_context(self, request: HttpRequest, batch: Batch) -> dict[str, object]:
        model_admin = self.admin_site._registry.get(type(batch))  # noqa: SLF001 Django's own way to ask
        return {
            "batch": batch,
            "batch_options": type(batch)._meta,  # noqa: SLF001 documented by Django
            "batch_changelist_url": admin_url("BatchUpgradeOperation", "changelist"),
            "batch_change_url": admin_url("BatchUpgradeOperation", "change", batch.pk),
            "batch_has_view_permission": bool(
                model_admin
                and model_admin.has_view_permission(request)
                and sees_batch(request.user, batch)
            ),
        }


def sees_batch(user: User, batch: Batch) -> bool:
    """Tells whether a mass upgrade is among those of a user.

    Those of shared builds are for superusers.
    """
    return access.manages(user, batch.build.category.organization_id)


def names_batch(user: User, batch: Batch | None) -> bool:
    """Tells whether a user may read the name of a mass upgrade, which is its build's.

    A device may have moved to another organization since.
    """
    if batch is None:
        return False
    return batch.build.category.organization_id is None or sees_batch(user, batch)


def live_facts(operation: Operation) -> JsonObject:
    """Returns what scripts draw at first, as live events tell it later."""
    return {
        "id": str(operation.pk),
        "status": operation.status,
        "progress": operation.progress,
        "phase": operation.phase,
        "next_run_in": payloads.next_run_in(operation),
        **payloads.times_beside(operation),
    }


def reason_of(operation: Operation) -> str:
    """Returns why an operation ended without success."""
    if operation.status in (OperationStatus.IN_PROGRESS, OperationStatus.SUCCESS):
        return ""
    return reason(operation.log, operation.evidence)
