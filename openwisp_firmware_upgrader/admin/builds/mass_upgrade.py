"""Launches mass upgrades from the list and from the page of a build."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from ...protocols import Batch, Build, JsonObject
from ...swapper import load_model
from ...utils import get_upgrader_schema_for_device
from ..shared import AdminMixin
from ..shared.labels import script_labels
from ..shared.page_data import NIL, admin_url, script_json
from . import candidates, choices
from .confirmation_form import BatchUpgradeConfirmationForm

TEMPLATE = "upgrade_selected_confirmation.html"


class MassUpgradeMixin(AdminMixin):
    """The admin of builds: confirms a mass upgrade and launches it."""

    @admin.action(
        description=_("Mass-upgrade devices to the selected build"),
        permissions=["change"],
    )
    def upgrade_selected(
        self, request: HttpRequest, queryset: QuerySet[Build]
    ) -> HttpResponse | None:
        """Shows what a mass upgrade would do; starts it once that is confirmed."""
        builds = list(queryset.select_related("category__organization")[:2])
        if len(builds) != 1:
            self.message_user(request, _how_many(builds), messages.ERROR)
            return None
        (build,) = builds
        if "upgrade_all" in request.POST or "upgrade_related" in request.POST:
            return self._confirmed(request, build)
        return self._ask(request, build, self._form(request, build))

    def _form(
        self, request: HttpRequest, build: Build, data: dict[str, object] | None = None
    ) -> BatchUpgradeConfirmationForm:
        return BatchUpgradeConfirmationForm(
            data, initial={"build": build}, user=request.user
        )

    def _confirmed(self, request: HttpRequest, build: Build) -> HttpResponse:
        names = ("upgrade_options", "group", "location")
        data = {name: request.POST.get(name) for name in names}
        form = self._form(request, build, {**data, "build": build.pk})
        if not form.is_valid():
            return self._ask(request, build, form)
        try:
            batch = self._launch(request, build, form.cleaned_data)
        except ValidationError as error:
            self.message_user(request, error.messages[0], messages.ERROR)
            return self._ask(request, build, form)
        text = _("The mass upgrade was launched, you can track the progress here.")
        self.message_user(request, text, messages.SUCCESS)
        return redirect(admin_url("BatchUpgradeOperation", "change", batch.pk))

    def _launch(
        self, request: HttpRequest, build: Build, chosen: dict[str, Any]
    ) -> Batch:
        return build.batch_upgrade(
            firmwareless=bool(request.POST.get("upgrade_all")),
            upgrade_options=chosen["upgrade_options"],
            group=chosen["group"],
            location=chosen["location"],
            created_by=request.user,
        )

    def _ask(
        self, request: HttpRequest, build: Build, form: BatchUpgradeConfirmationForm
    ) -> TemplateResponse:
        filters: dict[str, Any] = {}
        if form.is_bound and not form.errors:
            filters = {name: form.cleaned_data[name] for name in ("group", "location")}
        page = candidates.candidates_page(build, user=request.user, **filters)
        options = self.opts
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            [
                f"admin/{options.app_label}/{options.model_name}/{TEMPLATE}",
                f"admin/{options.app_label}/{TEMPLATE}",
                f"admin/{TEMPLATE}",
            ],
            self._context(request, build, form, page, filters),
        )

    def _context(
        self,
        request: HttpRequest,
        build: Build,
        form: BatchUpgradeConfirmationForm,
        page: candidates.Page,
        filters: dict[str, Any],
    ) -> dict[str, object]:
        related = page.everything.related
        firmwareless = page.everything.firmwareless
        overview = page.overview
        return {
            **self.admin_site.each_context(request),
            "title": _("Confirm mass upgrade operation"),
            "related_device_fw": related,
            "related_count": overview.related,
            "firmwareless_devices": firmwareless,
            "firmwareless_count": overview.firmwareless,
            "candidates": page,
            "candidates_url": admin_url("Build", "candidates", build.pk),
            "has_filters": any(filters.values()) or bool(form.errors),
            "form": form,
            "firmware_upgrader_schema": script_json(_schema(build, page)),
            "upgrade_operation_path": admin_url("UpgradeOperation", "change", NIL),
            "labels": script_labels(),
            "build": build,
            "opts": self.opts,
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "media": self.media + form.media,
        }

    def get_urls(self) -> list[URLPattern]:
        """Adds what the confirmation page asks for while it is open."""
        options = self.opts
        prefix = f"{options.app_label}_{options.model_name}"
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:pk>/candidates/",
                view(self.candidates_view),
                name=f"{prefix}_candidates",
            ),
            path(
                "<uuid:pk>/choices/<slug:name>/",
                view(self.choices_view),
                name=f"{prefix}_choices",
            ),
            *super().get_urls(),
        ]

    def candidates_view(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        """Answers with the devices a mass upgrade would find."""
        return candidates.answer(request, self._build_to_launch(request, pk))

    def choices_view(self, request: HttpRequest, pk: UUID, name: str) -> JsonResponse:
        """Answers with the groups or locations to choose from."""
        return choices.answer(request, self._build_to_launch(request, pk), name)

    def _build_to_launch(self, request: HttpRequest, pk: UUID) -> Build:
        if not self.has_change_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("category__organization")
        build = rows.filter(pk=pk).first()
        if build is None:
            raise Http404
        return build


def _how_many(builds: list[Build]) -> str:
    if builds:
        return _("Only one mass upgrade can be launched at a time, select one build.")
    return _("This build does not exist, or you may not upgrade to it.")


def _schema(build: Build, page: candidates.Page) -> JsonObject | None:
    for row in page.rows:
        if row["has_connection"]:
            return get_upgrader_schema_for_device(row["device"])
    if not page.overview.total:
        return None
    # none of the first devices can be reached, perhaps one of the others
    batch = load_model("BatchUpgradeOperation")(build=build)
    try:
        return batch._get_upgrader_schema(  # noqa: SLF001 a seam of the model
            related_device_fw=page.everything.related,
            firmwareless_devices=page.everything.firmwareless,
        )
    except ObjectDoesNotExist:
        return None
