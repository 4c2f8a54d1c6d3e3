"""Deletes operations and mass upgrades from history, once nobody works on them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from ..statuses import OperationStatus
from ..swapper import load_model
from .settle_batch import is_launching


class StillInProgress(ValueError):
    """It cannot be deleted yet; the text says why."""


# a cancelled operation is held until its device is tidied up
UNFINISHED = Q(status=OperationStatus.IN_PROGRESS) | Q(lease_expires_at__isnull=False)


def delete_operation(operation: Any) -> None:
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


def delete_batch(batch: Any) -> None:
    """Deletes a mass upgrade with its operations.

    Raises StillInProgress while it is being launched or an operation is in
    progress or held by a worker.
    """
    with transaction.atomic():
        rows = type(batch).objects.select_for_update(of=("self",))
        present = rows.filter(pk=batch.pk).first()
        operations = load_model("UpgradeOperation").objects.filter(batch_id=batch.pk)
        if present is None:
            return
        if is_launching(present) or operations.filter(UNFINISHED).exists():
            raise StillInProgress(
                _(
                    "This mass upgrade operation is still in progress, cancel it or "
                    "wait for its end before deleting it."
                )
            )
        batch.delete()
