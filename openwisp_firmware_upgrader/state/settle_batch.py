"""Stores what the operations of a mass upgrade amount to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    When,
)
from django.db.models.functions import Now
from django.db.models.signals import post_save

from ..protocols import Batch, Operation, PrimaryKey
from ..signals import mass_upgrade_finished
from ..statuses import BATCH_FINISHED, BatchStatus, OperationStatus
from ..swapper import load_model
from .prepared import Prepared, Slot

ABANDONED_AT_ONCE = 100


def is_launching(batch: Batch) -> bool:
    """Tells whether operations are still being added to a batch."""
    return not batch.launched and batch.next_run_at is not None


def was_cut_short(batch: Batch) -> bool:
    """Tells whether a launch was ended before all its operations were there.

    A launch that ran to its end has no due time any more; one that somebody
    ended keeps it for good.
    """
    return batch.launched and batch.next_run_at is not None


def settle_batch(batch: Batch) -> tuple[str, dict[str, int]]:
    """Stores the status of a batch when it has changed.

    Arguments:
        batch: the mass upgrade.

    Returns its status and the number of its operations, in total and by status.
    """
    counts = count_operations(batch)
    status = status_of(counts, batch)
    if status == BatchStatus.SUCCESS != batch.status:
        # the launch may have been cut short since the batch was read
        batch.refresh_from_db(fields=["launched", "next_run_at"])
        status = status_of(counts, batch)
    if status != batch.status and not (
        is_launching(batch) and status in BATCH_FINISHED
    ):
        _store(batch, status)
    return batch.status, counts


def count_operations(
    batch: Batch, operations: QuerySet[Operation] | None = None
) -> dict[str, int]:
    """Returns the number of a batch's operations, in total and by status.

    The key ``progress`` is the mean of their percentages; what has ended counts
    as 100.

    Arguments:
        batch: the mass upgrade.
        operations: those to count, None for all.
    """
    names = {
        "in_progress": OperationStatus.IN_PROGRESS,
        "successful": OperationStatus.SUCCESS,
        "failed": OperationStatus.FAILED,
        "cancelled": OperationStatus.CANCELLED,
        "aborted": OperationStatus.ABORTED,
    }
    counts = {n: Count("pk", filter=Q(status=status)) for n, status in names.items()}
    rows = operations
    if rows is None:
        rows = load_model("UpgradeOperation").objects.filter(batch_id=batch.pk)
    running = When(status=OperationStatus.IN_PROGRESS, then=F("progress"))
    percentage = Case(running, default=100, output_field=FloatField())
    found = rows.aggregate(
        total_operations=Count("pk"), progress=Avg(percentage), **counts
    )
    found["progress"] = int(found["progress"] or 0)
    found["completed"] = found["total_operations"] - found["in_progress"]
    return found


def status_of(counts: dict[str, int], batch: Batch) -> str:
    """Returns what the operations amount to: one failure outranks the rest."""
    if counts["in_progress"]:
        return str(BatchStatus.IN_PROGRESS)
    if counts["failed"] or counts["aborted"] or _timed_out(counts, batch):
        return str(BatchStatus.FAILED)
    # what was started may have succeeded, the rest was never begun: no success
    if counts["cancelled"] or was_cut_short(batch):
        return str(BatchStatus.CANCELLED)
    if not counts["total_operations"] and batch.status == BatchStatus.CANCELLED:
        return str(BatchStatus.CANCELLED)
    if counts["successful"] or batch.launched:
        return str(BatchStatus.SUCCESS)
    return str(batch.status)


def _timed_out(counts: dict[str, int], batch: Batch) -> bool:
    # before its first operation was there
    return not counts["total_operations"] and batch.status == BatchStatus.FAILED


def _store(batch: Batch, status: str) -> None:
    rows = type(batch).objects.filter(pk=batch.pk).exclude(status=status)
    running = rows.exclude(status__in=BATCH_FINISHED)
    finished = False
    changed = running.update(status=status, modified=Now())
    if changed:
        finished = status in BATCH_FINISHED
    else:
        changed = rows.update(status=status, modified=Now())
    batch.status = status
    if changed:
        transaction.on_commit(partial(_announce, batch, finished))


def tell_saved(batch: Batch, fields: Iterable[str]) -> None:
    """Tells the receivers of ``post_save`` which fields of a batch were stored."""
    post_save.send(
        sender=type(batch),
        instance=batch,
        created=False,
        update_fields=frozenset(fields),
        raw=False,
        using=batch._state.db,  # noqa: SLF001 documented by Django
    )


def _announce(batch: Batch, finished: bool) -> None:
    tell_saved(batch, {"status"})
    if finished:
        mass_upgrade_finished.send(sender=type(batch), instance=batch)


def settle_ended(operation: Operation) -> None:
    """Settles the batch of an operation that ended, once nothing is running.

    Arguments:
        operation: the operation, whose batch may be None.
    """
    if operation.batch_id is None or RUNNING.first(batch=operation.batch_id):
        return
    batches = load_model("BatchUpgradeOperation").objects
    batch = batches.select_related("build__category").filter(pk=operation.batch_id)
    for found in batch:
        settle_batch(found)


def _running(batch_id: PrimaryKey) -> QuerySet[Operation]:
    return load_model("UpgradeOperation").objects.filter(
        batch_id=batch_id, status=OperationStatus.IN_PROGRESS
    )


def _running_of_one() -> QuerySet[Operation]:
    batch = Slot.of(load_model("UpgradeOperation"), "batch")
    return _running(batch).values_list("status")[:1]


RUNNING = Prepared(_running_of_one)


def settle_abandoned() -> None:
    """Settles batches whose last operation ended with a worker that died."""
    rows = load_model("BatchUpgradeOperation").objects.filter(
        status=BatchStatus.IN_PROGRESS, launched=True
    )
    rows = rows.filter(~Exists(_running(OuterRef("pk"))))
    for batch in rows[:ABANDONED_AT_ONCE]:
        settle_batch(batch)
