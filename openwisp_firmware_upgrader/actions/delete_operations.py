"""Deletes operations and mass upgrades from history, once nobody works on them."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from ..protocols import Batch, Operation, User
from ..selectors import access
from ..state.settle_batch import is_launching
from ..statuses import OperationStatus
from ..swapper import load_model


class StillInProgress(ValueError):
    """It cannot be deleted yet; the text says why."""


class BelongsToOthers(ValueError):
    """It cannot be deleted by this user; the text says why."""


# a cancelled operation is held until its device is tidied up
UNFINISHED = Q(status=OperationStatus.IN_PROGRESS) | Q(lease_expires_at__isnull=False)
# what ``is_launching`` tells of one mass upgrade
LAUNCHING = Q(launched=False, next_run_at__isnull=False)


def unfinished_operations(**which: object) -> QuerySet[Operation]:
    """Returns the operations that are in progress or held by a worker."""
    return load_model("UpgradeOperation").objects.filter(UNFINISHED, **which)


def launching_batches(**which: object) -> QuerySet[Batch]:
    """Returns the mass upgrades whose operations are still being added."""
    return load_model("BatchUpgradeOperation").objects.filter(LAUNCHING, **which)


def still_needed_text() -> str:
    """Returns why something stays as it is while an upgrade needs it."""
    return _(
        "This is needed by a firmware upgrade that is still in progress, cancel the "
        "upgrade or wait for its end, then try again."
    )


def delete_operation(operation: Operation) -> None:
    """Deletes one operation.

    Raises StillInProgress while it is in progress or a worker holds it.
    """
    with transaction.atomic():
        rows = load_model("UpgradeOperation").objects.select_for_update(of=("self",))
        if rows.filter(UNFINISHED, pk=operation.pk).exists():
            raise StillInProgress(
                _(
                    "This upgrade operation is still in progress, cancel it or wait "
                    "for its end before deleting it."
                )
            )
        operation.delete()


def foreign_text() -> str:
    """Returns why somebody may not delete what rows of others would go with."""
    return _(
        "You cannot delete this: firmware or upgrade operations of devices of other "
        "organizations would be deleted with it. Ask a superuser to delete it."
    )


def delete_batch(batch: Batch, user: User | None = None) -> None:
    """Deletes a mass upgrade with its operations.

    Arguments:
        batch: the mass upgrade.
        user: who asks for it, None for a program.

    Raises StillInProgress while it is being launched or an operation is in
    progress or held by a worker, BelongsToOthers when the device of an operation
    is not the user's.
    """
    with transaction.atomic():
        rows = type(batch).objects.select_for_update(of=("self",))
        present = rows.filter(pk=batch.pk).first()
        operations = load_model("UpgradeOperation").objects.filter(batch_id=batch.pk)
        if present is None:
            return
        if access.foreign_operations(user, batch=batch.pk).exists():
            raise BelongsToOthers(foreign_text())
        if is_launching(present) or operations.filter(UNFINISHED).exists():
            raise StillInProgress(
                _(
                    "This mass upgrade operation is still in progress, cancel it or "
                    "wait for its end before deleting it."
                )
            )
        batch.delete()
