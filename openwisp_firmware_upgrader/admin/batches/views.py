"""Views of mass upgrades that need neither the REST API nor a socket."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from ...actions.cancel_batch import CancelledBatch, cancel_batch
from ...actions.retry_operations import retry_batch
from ...live import snapshots
from ...protocols import Batch, Operation
from ..operations.views import find, messages_of
from ..shared import AdminMixin
from ..shared.page_data import admin_url
from . import filters
from .rows import last_line
from .summary import seconds, seen_by, times

CSV_CHUNK = 500
# a cell that begins so is a formula for a spreadsheet
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class BatchViewsMixin(AdminMixin):
    """State, cancel, retry and CSV, under the permissions of the admin."""

    def get_urls(self) -> list[URLPattern]:
        """Adds the views."""
        options = self.opts
        prefix = f"{options.app_label}_{options.model_name}"
        wrap = self.admin_site.admin_view
        views = (
            ("state", self.state_view),
            ("cancel", self.cancel_view),
            ("retry", self.retry_view),
            ("csv", self.csv_view),
        )
        own = [
            path(f"<uuid:pk>/{name}/", wrap(view), name=f"{prefix}_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    @method_decorator(require_GET)
    def state_view(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        """Answers with what the socket of a mass upgrade sends at first.

        Each ``id`` in the query names an operation to tell about, as a page shows
        only some of thousands.
        """
        batch: Batch = find(self, request, pk, self.has_view_permission)
        wanted = snapshots.wanted_operations({"operations": request.GET.getlist("id")})
        found = snapshots.batch_state(batch.pk, wanted, request.user)
        seen_by(batch, request.user)
        for message in found:
            message["batch_status"].update(times(batch), elapsed=seconds(batch))
        return messages_of(found)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Cancels everything that was not flashed yet."""
        batch: Batch = find(self, request, pk, self.has_change_permission)
        try:
            found = cancel_batch(batch, request.user)
        except ValueError as error:
            self.explain(request, False, str(error))
        else:
            self.explain(request, True, _cancelled(found))
        return redirect(admin_url("BatchUpgradeOperation", "change", pk))

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Tries again what ended without success, as a new mass upgrade."""
        batch: Batch = find(self, request, pk, self.has_change_permission)
        try:
            again = retry_batch(batch, created_by=request.user, user=request.user)
        except ValueError as error:
            self.explain(request, False, str(error))
            return redirect(admin_url("BatchUpgradeOperation", "change", pk))
        text = _("The devices are being tried again, you can track the progress here.")
        self.explain(request, True, text)
        return redirect(admin_url("BatchUpgradeOperation", "change", again.pk))

    @method_decorator(require_GET)
    def csv_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        """Answers with the results as CSV, those of the present filters."""
        batch: Batch = find(self, request, pk, self.has_view_permission)
        rows = self.get_upgrade_operations(request, batch)
        rows = filters.filtered(rows, request.GET)
        rows = rows.select_related("device__organization", "image__build__category")
        response = StreamingHttpResponse(
            csv_lines(rows.order_by("device__name", "id")),
            content_type="text/csv; charset=utf-8",
        )
        name = f'attachment; filename="mass-upgrade-{batch.pk}.csv"'
        response["Content-Disposition"] = name
        return response


class _Listed(Operation, Protocol):
    """An operation with the end of its log, as the page lists it."""

    log_tail: str


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(rows: QuerySet[Operation]) -> Iterator[str]:
    """Returns the lines of a CSV file of operations, without loading them all.

    Arguments:
        rows: operations with device, organization and image.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(
        [
            _("Device"),
            _("MAC address"),
            _("Model"),
            _("Organization"),
            _("Image"),
            _("Status"),
            _("Progress"),
            _("Created"),
            _("Last updated"),
            _("Last line of the log"),
        ]
    )
    for operation in rows.iterator(chunk_size=CSV_CHUNK):
        yield writer.writerow([_harmless(cell) for cell in _cells(operation)])


def _cells(operation: _Listed) -> tuple[object, ...]:
    device = operation.device
    return (
        device.name,
        device.mac_address,
        device.model,
        device.organization.name,
        operation.image or "",
        operation.get_status_display(),
        f"{operation.progress}%",
        timezone.localtime(operation.created).isoformat(timespec="seconds"),
        timezone.localtime(operation.modified).isoformat(timespec="seconds"),
        last_line(operation.log_tail),
    )


def _harmless(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def _cancelled(found: CancelledBatch) -> str:
    text = ngettext(
        "%(number)s upgrade was cancelled.",
        "%(number)s upgrades were cancelled.",
        found.cancelled,
    )
    text = text % {"number": found.cancelled}
    if not found.going_on:
        return text
    rest = ngettext(
        "%(number)s device is being flashed already, it goes on.",
        "%(number)s devices are being flashed already, they go on.",
        found.going_on,
    )
    return f"{text} {rest % {'number': found.going_on}}"
