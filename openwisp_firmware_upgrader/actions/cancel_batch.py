"""Cancels a mass upgrade: everything whose device was not told to flash."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from ..protocols import Batch, Operation, PrimaryKey, User
from ..selectors import access
from ..state import journal
from ..state.settle_batch import settle_batch
from ..statuses import BatchStatus, OperationStatus

CHUNK = 500


@dataclass(frozen=True)
class CancelledBatch:
    """What became of a mass upgrade that was cancelled.

    ``cancelled``: operations that were cancelled now; ``going_on``: operations
    whose device may be flashing, they go on to their end. What the user who
    cancels may not change is in neither.
    """

    cancelled: int
    going_on: int


def cancel_batch(batch: Batch, user: User | None = None) -> CancelledBatch:
    """Ends the launch of a mass upgrade and cancels what was not flashed yet.

    Workers that hold operations notice within two seconds and tidy up. Operations
    on devices of organizations that the user does not manage go on; the launch is
    ended all the same: who may change the batch decides about what it starts.

    Arguments:
        batch: the mass upgrade.
        user: who asks, None for the program itself.

    Returns how many were cancelled and how many go on.
    Raises ValueError, saying why, when there is nothing to cancel.
    """
    ended_launch = _end_launch(batch)
    cancelled, last = 0, None
    running = _running(batch, user)
    while found := _in_progress(running, last):
        line = _("Upgrade operation cancelled by user.")
        cancelled += len(journal.cancel_many(found, line))
        last = found[-1].pk
    batch.refresh_from_db(fields=["status"])
    going_on = running.count()
    if not (cancelled or ended_launch):
        raise ValueError(_refusal(batch, going_on))
    settle_batch(batch)
    return CancelledBatch(cancelled, going_on)


def _end_launch(batch: Batch) -> bool:
    rows = type(batch).objects.filter(pk=batch.pk, launched=False)
    rows = rows.filter(status__in=(BatchStatus.IDLE, BatchStatus.IN_PROGRESS))
    # the due time stays: it says that the launch was cut short
    ended = rows.update(launched=True, next_run_at=Now(), modified=Now())
    batch.refresh_from_db(fields=["launched", "next_run_at"])
    return bool(ended)


def _running(batch: Batch, user: User | None) -> QuerySet[Operation]:
    return access.operations_of(
        user, batch_id=batch.pk, status=OperationStatus.IN_PROGRESS
    )


def _in_progress(rows: QuerySet[Operation], last: PrimaryKey | None) -> list[Operation]:
    rows = rows.order_by("pk")
    if last is not None:
        rows = rows.filter(pk__gt=last)
    related = ("device", "batch", "image__build__category")
    return list(rows.select_related(*related)[:CHUNK])


def _refusal(batch: Batch, going_on: int) -> str:
    if going_on:
        return _(
            "Cannot cancel: reflashing has already started on every device that is "
            "still in progress."
        )
    if _running(batch, None).exists():
        return _(
            "Cannot cancel: the devices that are still in progress belong to other "
            "organizations, their administrators can cancel them."
        )
    text = _("Cannot cancel a mass upgrade operation with status '%(status)s'.")
    return text % {"status": batch.status}
