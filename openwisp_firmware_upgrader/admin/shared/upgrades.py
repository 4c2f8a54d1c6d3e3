"""What the admin pages of operations and mass upgrades have in common."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected as delete_with_confirmation
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from openwisp_utils.admin import ReadOnlyAdmin

from ...protocols import Row
from .deletion import InProgressDeleteMixin
from .mixins import BaseAdmin, ReadonlyUpgradeOptionsMixin


class BaseUpgradeAdmin(
    ReadonlyUpgradeOptionsMixin, InProgressDeleteMixin, ReadOnlyAdmin, BaseAdmin
):
    """Everything is to look at; what has ended may be deleted."""

    actions = ["delete_selected"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Row | None = None
    ) -> list[str]:
        """Returns the model's fields and those of the class, as a new list."""
        own = type(self).readonly_fields
        found = super().get_readonly_fields(request, obj)
        found = [*found, *own, "readonly_upgrade_options"]
        return list(dict.fromkeys(found))

    def get_actions(self, request: HttpRequest) -> dict[str, object]:
        """Offers the deletion of what was selected to those who may."""
        # ReadOnlyAdmin takes it away from everybody
        return super(ReadOnlyAdmin, self).get_actions(request)

    @admin.action(
        description=delete_with_confirmation.short_description,
        permissions=delete_with_confirmation.allowed_permissions,
    )
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Row]
    ) -> HttpResponse | None:
        """Deletes what was selected, all of it or nothing."""
        if self.delete_selected_refused(request, queryset):
            return None
        return delete_with_confirmation(self, request, queryset)

    def delete_model(self, request: HttpRequest, obj: Row) -> None:
        """Deletes an object, which ReadOnlyAdmin does not."""
        obj.delete()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, object] | None = None,
        **kwargs: object,
    ) -> HttpResponse:
        """Shows an object; nothing that is posted is saved."""
        return super().change_view(request, object_id, extra_context=extra_context)

    def explain(self, request: HttpRequest, done: bool, text: str) -> None:
        """Tells the user how an action ended.

        Arguments:
            request: the request.
            done: whether it did what was asked.
            text: what happened and what to do next.
        """
        level = messages.SUCCESS if done else messages.ERROR
        self.message_user(request, text, level)
