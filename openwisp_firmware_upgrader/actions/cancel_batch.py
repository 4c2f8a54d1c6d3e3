"""Cancels a mass upgrade: everything whose device was not told to flash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from .. import journal
from ..statuses import BatchStatus, OperationStatus
from ..swapper import load_model
from .settle_batch import settle_batch

CHUNK = 500


@dataclass(frozen=True)
class CancelledBatch:
    """What became of a mass upgrade that was cancelled.

    ``cancelled``: operations that were cancelled now; ``going_on``: operations
    whose device may be flashing, they go on to their end.
    """

    cancelled: int
    going_on: int


def cancel_batch(batch: Any) -> CancelledBatch:
    """Ends the launch of a mass upgrade and cancels what was not flashed yet.

    Workers that hold operations notice within two seconds and tidy up.

    Returns how many were cancelled and how many go on.
    Raises ValueError, saying why, when there is nothing to cancel.
    """
    ended_launch = _end_launch(batch)
    cancelled, last = 0, None
    while found := _in_progress(batch, last):
        line = _("Upgrade operation cancelled by user.")
        cancelled += len(journal.cancel_many(found, line))
        last = found[-1].pk
    batch.refresh_from_db(fields=["status"])
    going_on = _rows(batch).filter(status=OperationStatus.IN_PROGRESS).count()
    if not (cancelled or ended_launch):
        raise ValueError(_refusal(batch, going_on))
    settle_batch(batch)
    return CancelledBatch(cancelled, going_on)


def _end_launch(batch: Any) -> bool:
    rows = type(batch).objects.filter(pk=batch.pk, launched=False)
    rows = rows.filter(status__in=(BatchStatus.IDLE, BatchStatus.IN_PROGRESS))
    # the due time stays: it says that the launch was cut short
    ended = rows.update(launched=True, next_run_at=Now(), modified=Now())
    batch.refresh_from_db(fields=["launched", "next_run_at"])
    return bool(ended)


def _rows(batch: Any) -> Any:
    return load_model("UpgradeOperation").objects.filter(batch_id=batch.pk)


def _in_progress(batch: Any, last: Any) -> list[Any]:
    rows = _rows(batch).filter(status=OperationStatus.IN_PROGRESS).order_by("pk")
    if last is not None:
        rows = rows.filter(pk__gt=last)
    related = ("device", "batch", "image__build__category")
    return list(rows.select_related(*related)[:CHUNK])


def _refusal(batch: Any, going_on: int) -> str:
    if going_on:
        return _(
            "Cannot cancel: reflashing has already started on every device that is "
            "still in progress."
        )
    text = _("Cannot cancel a mass upgrade operation with status '%(status)s'.")
    return text % {"status": batch.status}
