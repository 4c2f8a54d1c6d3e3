"""What may be deleted: nothing that an upgrade in progress needs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin import BlockDeleteAllowCascadeMixin

from ...actions.delete_firmware import refuse_deletion
from ...actions.delete_operations import (
    LAUNCHING,
    UNFINISHED,
    BelongsToOthers,
    StillInProgress,
)
from ...protocols import Batch, Operation, Row
from ...state.settle_batch import is_launching
from ...swapper import load_model
from . import AdminMixin

IN_PROGRESS_DELETE_MESSAGE = _(
    "Upgrades that are still in progress cannot be deleted. "
    "Cancel them or wait until they have ended."
)
CASCADE_MESSAGE = _(
    "This cannot be deleted while firmware upgrades of it are in progress. "
    "Cancel them or wait until they have ended."
)

# running and waiting look the same to whoever deletes
IN_PROGRESS_STATUS = load_model("UpgradeOperation").CANCELLABLE_STATUS

# nested texts, numbers by model, names of models whose rows the user must not delete,
# and texts of protected rows
Deleted: TypeAlias = tuple[list[object], dict[str, int], set[str], list[str]]

_WARNED = "_firmware_upgrader_delete_blocked"


def is_cascade(model_admin: ModelAdmin, request: HttpRequest) -> bool:
    """Tells whether the deletion of another model's objects is being checked."""
    return BlockDeleteAllowCascadeMixin.is_admin_cascade_delete_request(
        model_admin, request
    )


def warn_once(request: HttpRequest, text: str = CASCADE_MESSAGE) -> None:
    """Explains why a deletion is refused, once a request."""
    if getattr(request, _WARNED, False):
        return
    setattr(request, _WARNED, True)
    messages.error(request, text)


def is_at_work(obj: Operation | Batch) -> bool:
    """Tells whether an operation or a mass upgrade must be kept.

    The worker of a cancelled operation holds it until its device is tidied up.
    """
    if obj.status == IN_PROGRESS_STATUS:
        return True
    if hasattr(obj, "lease_expires_at"):
        return obj.lease_expires_at is not None
    return is_launching(obj)


class InProgressDeleteMixin(AdminMixin):
    """An admin of operations or batches: what is in progress stays."""

    def has_delete_permission(
        self, request: HttpRequest, obj: Operation | Batch | None = None
    ) -> bool:
        """Refuses whatever is in progress, on its own page and in cascades."""
        allowed = self.may_delete(request)
        if not allowed or obj is None or not is_at_work(obj):
            return allowed
        if is_cascade(self, request):
            warn_once(request)
        return False

    def may_delete(self, request: HttpRequest) -> bool:
        """Tells whether the user has the permission of the model."""
        name = f"{self.opts.app_label}.delete_{self.opts.model_name}"
        return request.user.has_perm(name)

    def delete_selected_refused(
        self, request: HttpRequest, queryset: QuerySet[Row]
    ) -> bool:
        """Says why nothing is deleted; False when all may be."""
        is_operation = hasattr(self.model, "lease_expires_at")
        at_work = UNFINISHED if is_operation else LAUNCHING
        if not queryset.filter(at_work | Q(status=IN_PROGRESS_STATUS)).exists():
            return False
        self.message_user(request, IN_PROGRESS_DELETE_MESSAGE, messages.ERROR)
        return True


class RunningUpgradesGuardMixin(AdminMixin):
    """An admin of what images belong to: kept while an upgrade needs one."""

    def get_deleted_objects(
        self, objs: Collection[Row], request: HttpRequest
    ) -> Deleted:
        """Lists what goes with the objects, and why they may not go."""
        found = super().get_deleted_objects(objs, request)
        try:
            refuse_deletion(objs, request.user)
        except StillInProgress:
            warn_once(request)
            options = load_model("UpgradeOperation")._meta  # noqa: SLF001 documented
            found[2].add(options.verbose_name)
        except BelongsToOthers as error:
            # the list has named the kinds of rows already
            warn_once(request, str(error))
        return found
