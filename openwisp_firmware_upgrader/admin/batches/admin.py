"""Mass upgrade operations in the admin."""

from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.db.models.functions import Right
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from ...filters import (
    BuildCategoryFilter,
    BuildCategoryOrganizationFilter,
    BuildFilter,
    GroupFilter,
    LocationFilter,
)
from ...protocols import Batch, Operation, Row
from ...selectors import access
from ...state.log_times import HEAVY
from ...swapper import load_model
from ..shared.assets import BATCH_JS
from ..shared.labels import script_labels
from ..shared.page_data import NIL, admin_url, api_host, app_label, django_locale
from ..shared.upgrades import BaseUpgradeAdmin
from . import filters
from .changelist import BatchChangeList, CountedBatch
from .rows import with_links
from .summary import counts_of, live_facts, rate, seen_by, summary
from .views import BatchViewsMixin

# characters of a log in which its last line is looked for
LOG_TAIL = 300


@admin.register(load_model("BatchUpgradeOperation"))
class BatchUpgradeOperationAdmin(BatchViewsMixin, BaseUpgradeAdmin):
    """Mass upgrades of the organizations somebody manages, to look at."""

    list_display = [
        "build",
        "organization",
        "status",
        "created",
        "modified",
        "progress",
    ]
    list_filter = [
        BuildCategoryOrganizationFilter,
        "status",
        BuildCategoryFilter,
        BuildFilter,
        GroupFilter,
        LocationFilter,
        "created",
    ]
    list_select_related = ["build__category__organization", "group", "location"]
    ordering = ["-created"]
    # what makes the autocomplete of the filter of operations work
    search_fields = ["build__version", "build__category__name"]
    multitenant_parent = "build__category"
    autocomplete_fields = ["build", "group", "location"]
    fields = [
        "build",
        "group",
        "location",
        "status",
        "completed",
        "success_rate",
        "failed_rate",
        "aborted_rate",
        "cancelled_rate",
        "readonly_upgrade_options",
        "created",
        "modified",
    ]
    readonly_fields = [
        "completed",
        "success_rate",
        "failed_rate",
        "aborted_rate",
        "cancelled_rate",
        "readonly_upgrade_options",
    ]
    change_form_template = (
        "admin/firmware_upgrader/batch_upgrade_operation_change_form.html"
    )
    device_upgrades_per_page = 20

    @admin.display(description=_("organization"))
    def organization(self, obj: Batch) -> Row | None:
        """Returns the organization of the build's category."""
        return obj.build.category.organization

    @admin.display(description=_("progress"))
    def progress(self, obj: CountedBatch) -> str:
        """Returns how many operations have ended; known in the list only."""
        total = getattr(obj, "number_of_operations", None)
        if total is None:
            return self.get_empty_value_display()
        numbers = {"done": total - obj.number_in_progress, "total": total}
        return _("%(done)s out of %(total)s") % numbers

    @admin.display(description=_("Completed"))
    def completed(self, obj: Batch) -> str:
        """Returns how many operations have ended, in words."""
        counts = counts_of(obj)
        numbers = {"done": counts["completed"], "total": counts["total_operations"]}
        return _("%(done)s out of %(total)s") % numbers

    @admin.display(description=_("Success rate"))
    def success_rate(self, obj: Batch) -> str:
        """Returns the percentage of successful operations."""
        return rate(obj, "successful")

    @admin.display(description=_("Failure rate"))
    def failed_rate(self, obj: Batch) -> str:
        """Returns the percentage of failed operations."""
        return rate(obj, "failed")

    @admin.display(description=_("Abortion rate"))
    def aborted_rate(self, obj: Batch) -> str:
        """Returns the percentage of aborted operations."""
        return rate(obj, "aborted")

    @admin.display(description=_("Cancellation rate"))
    def cancelled_rate(self, obj: Batch) -> str:
        """Returns the percentage of cancelled operations."""
        return rate(obj, "cancelled")

    def get_changelist(
        self, request: HttpRequest, **kwargs: object
    ) -> type[ChangeList]:
        """Returns the list that counts operations."""
        return BatchChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Shows the list under the name of what it lists."""
        title = self.opts.verbose_name_plural
        return super().changelist_view(
            request, extra_context={**(extra_context or {}), "title": title}
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Batch | None:
        """Returns a mass upgrade with what its page shows, once a request."""
        key = f"_firmware_batch_{object_id}"
        if not hasattr(request, key):
            found = super().get_object(request, object_id, from_field)
            batch = cast("Batch | None", found)
            setattr(request, key, seen_by(batch, request.user))
        return getattr(request, key)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        """Returns the mass upgrades with what they belong to."""
        related = [*self.list_select_related, "created_by"]
        return super().get_queryset(request).select_related(*related)

    def get_fields(self, request: HttpRequest, obj: Batch | None = None) -> list[str]:
        """Returns what is shown: group and location to who manages them."""
        hidden = {
            name
            for name in ("group", "location")
            if obj is not None and not access.sees_restriction(request.user, obj, name)
        }
        found = super().get_fields(request, obj)
        return [name for name in found if name not in hidden]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, object] | None = None,
        **kwargs: object,
    ) -> HttpResponse:
        """Shows a mass upgrade and its operations."""
        extra_context = {**(extra_context or {})}
        batch = self.get_object(request, object_id)
        if batch is not None and self.has_view_permission(request, batch):
            extra_context.update(self._operations_context(request, batch))
        return super().change_view(request, object_id, extra_context, **kwargs)

    def _operations_context(
        self, request: HttpRequest, batch: Batch
    ) -> dict[str, object]:
        status = request.GET.get("status", "")
        organization = request.GET.get("organization", "")
        rows = self.get_upgrade_operations(request, batch)
        rows = filters.filtered(rows, request.GET)
        rows = filters.ordered(rows, request.GET.get("o", ""))
        page, paginator, found = self._paginate_operations(
            rows, request.GET.get("page", 1)
        )
        return {
            "upgrade_operations": found,
            "page_obj": page,
            "paginator": paginator,
            "filter_specs": self._build_filter_specs(
                request, batch, status, organization
            ),
            "has_active_filters": bool(status or organization),
            "upgrade_operation_app_label": app_label("UpgradeOperation"),
            "upgrade_operation_path": admin_url("UpgradeOperation", "change", NIL),
            "django_locale": django_locale(),
            "columns": filters.columns(request),
            "clear_filters_query": filters.query_string(
                request, status=None, organization=None
            ),
            "kept_parameters": filters.kept_parameters(request),
            "previous_query": filters.page_query(request, page.number - 1),
            "next_query": filters.page_query(request, page.number + 1),
            "summary": summary(batch),
            "api_host": api_host(request),
            "scripts": BATCH_JS,
            "labels": script_labels(),
            "batch_facts": live_facts(batch),
            "csv_query": filters.query_string(request),
            **self._links(request, batch),
        }

    def _links(self, request: HttpRequest, batch: Batch) -> dict[str, str]:
        names = ["state", "csv"]
        if self.has_change_permission(request, batch):
            names += ["cancel", "retry"]
        pk = batch.pk
        return {f"{n}_url": admin_url("BatchUpgradeOperation", n, pk) for n in names}

    def get_upgrade_operations(
        self, request: HttpRequest, obj: Batch
    ) -> QuerySet[Operation]:
        """Returns the operations of a mass upgrade that the user may see."""
        rows = access.operations_of(request.user, batch=obj)
        rows = rows.select_related("device", "image__build__category")
        # logs may be long, a row shows their last line
        return rows.annotate(log_tail=Right("log", LOG_TAIL)).defer(*HEAVY)

    def _build_filter_specs(
        self, request: HttpRequest, obj: Batch, current_status: str, current_org: str
    ) -> list[filters.FilterSpec]:
        specs = [filters.status_spec(request, current_status)]
        if obj.build.category.organization_id is None:
            specs.append(filters.organization_spec(request, current_org))
        return specs

    def _paginate_operations(
        self,
        queryset: QuerySet[Operation],
        page_param: str | int,
        per_page: int | None = None,
    ) -> tuple[Page, Paginator, list[Operation]]:
        if not queryset.ordered:
            queryset = queryset.order_by("id")
        paginator = Paginator(queryset, per_page or self.device_upgrades_per_page)
        page = paginator.page(filters.page_number(paginator, page_param))
        return page, paginator, with_links(page.object_list)
