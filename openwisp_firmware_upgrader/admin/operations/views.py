"""Views of single operations that need neither the REST API nor a socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from swapper import load_model as load_any_model

from ...actions.cancel_operation import cancel_operation
from ...actions.retry_operations import retry_operation
from ...live import payloads, snapshots
from ...protocols import Batch, JsonObject, Operation
from ...selectors import access
from ..shared import AdminMixin
from ..shared.page_data import admin_url


class OperationViewsMixin(AdminMixin):
    """State, cancel and retry, under the permissions of the admin."""

    def get_urls(self) -> list[URLPattern]:
        """Adds the views."""
        options = self.opts
        prefix = f"{options.app_label}_{options.model_name}"
        wrap = self.admin_site.admin_view
        views = (
            ("<uuid:pk>/state/", self.state_view, "state"),
            ("device/<uuid:pk>/state/", self.device_state_view, "device_state"),
            ("<uuid:pk>/cancel/", self.cancel_view, "cancel"),
            ("<uuid:pk>/retry/", self.retry_view, "retry"),
        )
        own = [path(url, wrap(v), name=f"{prefix}_{name}") for url, v, name in views]
        return [*own, *super().get_urls()]

    @method_decorator(require_GET)
    def state_view(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        """Answers with what the socket of an operation sends at first."""
        operation: Operation = find(self, request, pk, self.has_view_permission)
        return messages_of(snapshots.operation_state(operation.pk, times=True))

    @method_decorator(require_GET)
    def device_state_view(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        """Answers with what the socket of a device sends at first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        devices = load_any_model("config", "Device").objects.filter(pk=pk)
        devices = access.of_managed(request.user, devices, "organization")
        if not devices.exists():
            raise Http404
        return messages_of(device_messages(pk))

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Cancels an operation that was not flashed, and goes back to its page."""
        operation: Operation = find(self, request, pk, self.has_change_permission)
        try:
            cancel_operation(operation)
        except ValueError as error:
            self.explain(request, False, str(error))
        else:
            self.explain(request, True, _("The upgrade was cancelled."))
        return redirect(admin_url("UpgradeOperation", "change", pk))

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Tries an operation again and goes to the new mass upgrade."""
        operation: Operation = find(self, request, pk, self.has_change_permission)
        try:
            batch: Batch = retry_operation(operation, created_by=request.user)
        except ValueError as error:
            self.explain(request, False, str(error))
            return redirect(admin_url("UpgradeOperation", "change", pk))
        new = batch.upgradeoperation_set.first()
        text = _("The upgrade is being tried again, you can track the progress here.")
        self.explain(request, True, text)
        if new is None:
            return redirect(admin_url("BatchUpgradeOperation", "change", batch.pk))
        return redirect(admin_url("UpgradeOperation", "change", new.pk))


def device_messages(pk: UUID) -> list[JsonObject]:
    """Returns what the socket of a device sends at first."""
    found = []
    for operation in snapshots.recent_operations(pk):
        data = payloads.operation_data(operation, whole=True)
        del data["created"]
        update = payloads.operation_update(data, operation)
        told = payloads.times_beside(operation)
        found.append(payloads.stamped({**update, **told}))
    return found


def find(
    model_admin: ModelAdmin,
    request: HttpRequest,
    pk: UUID,
    allowed: Callable[..., bool],
) -> Any:
    """Returns an object among those the user may see.

    Arguments:
        model_admin: the admin of its model.
        request: the request.
        pk: primary key.
        allowed: tells by request and object whether the user may.

    Raises Http404 when there is none, PermissionDenied when the user may not.
    """
    if not allowed(request):
        raise PermissionDenied
    found = model_admin.get_queryset(request).filter(pk=pk).first()
    if found is None:
        raise Http404
    if not allowed(request, found):
        raise PermissionDenied
    return found


def messages_of(messages: list[JsonObject]) -> JsonResponse:
    """Returns the answer that holds what a socket would send."""
    return JsonResponse({"messages": messages})
