"""Who may work on an operation: take, renew and give back its lease.

The database itself allows one lease per device. Times are database time, never
a worker's clock. ``runs`` grows with every claim and fences the writes of
whoever held the operation before.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Case, DurationField, F, IntegerField, Q, QuerySet, When
from django.db.models.functions import Now

from .. import settings as app_settings
from ..protocols import Operation, PrimaryKey
from ..statuses import FIRST_HALF, OperationStatus, Phase
from ..swapper import load_model
from .prepared import Prepared, Slot
from .resilience import steadily

BUSY_DELAY = 5
# how long a published wake-up may wait in the queue before it is given up
STAMP = timedelta(minutes=5)


class DeviceBusy(Exception):
    """Another operation of the same device holds a lease."""


def operations() -> QuerySet[Operation]:
    """Returns the queryset of all upgrade operations."""
    return load_model("UpgradeOperation").objects.all()


def seconds_from_now(seconds: float) -> Any:
    """Returns the database's own time, ``seconds`` from now."""
    return Now() + timedelta(seconds=seconds)


def take_turns() -> bool:
    """Tells whether the operator has limited how many operations run at once."""
    return any(limit is not None for limit in app_settings.CONCURRENCY.values())


def first_stamp() -> timedelta:
    """Returns when a new operation is due although its wake-up was published.

    Where operations take turns nobody owns a wake-up: they are due at once.
    """
    return timedelta(0) if take_turns() else STAMP


def free() -> Q:
    """Returns the condition of rows nobody holds."""
    return Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=Now())


def new_or_due() -> Q:
    """Returns the condition of rows a message without a run number may claim."""
    return Q(runs=0) | Q(next_run_at__isnull=True) | Q(next_run_at__lte=Now())


def claim(
    pk: PrimaryKey, run: int | None = None, *, seconds: float, due_only: bool = True
) -> int | None:
    """Takes the lease of an operation that is in progress.

    Arguments:
        pk: primary key of the operation.
        run: the run number the message carries, None claims what is new or due.
        seconds: length of the lease.
        due_only: False claims a row without a run number even before its time.

    Returns the new run number, None when there is nothing to claim.
    Raises DeviceBusy when another operation of the device holds a lease.
    """
    if run is not None:
        due_only = False
    else:
        # the run number is known before the claim: read after it, a worker that was
        # stopped in between would take over the number of whoever came next
        found = status_and_run(pk)
        if found is None:
            return None
        run = found[1]
    return run + 1 if _take(pk, run, seconds, due_only) else None


def claim_first(
    candidates: Iterable[tuple[PrimaryKey, int]], seconds: float
) -> tuple[PrimaryKey, int] | None:
    """Takes the lease of the first operation that can still be claimed.

    Arguments:
        candidates: pairs of primary key and run number, the first one first.
        seconds: length of the lease.

    Returns primary key and new run number, None when none could be claimed.
    """
    for pk, run in candidates:
        try:
            claimed = claim(pk, run, seconds=seconds)
        except DeviceBusy:
            wait_for_device(pk)
            continue
        if claimed is not None:
            return pk, claimed
    return None


def _one() -> QuerySet[Operation]:
    rows = operations()
    return rows.filter(pk=Slot.of(rows.model, "pk"))


STATUS_AND_RUN = Prepared(lambda: _one().values_list("status", "runs"))


@steadily
def status_and_run(pk: PrimaryKey) -> tuple[str, int] | None:
    """Returns status and run number of an operation, None when it is gone."""
    return STATUS_AND_RUN.first(pk=pk)


def _claim(due_only: bool) -> tuple[QuerySet[Operation], dict[str, Any]]:
    rows = _one().filter(
        free(), status=OperationStatus.IN_PROGRESS, runs=Slot("run", IntegerField())
    )
    # a visit to a flashed device has been counted when it began
    died = Case(
        When(lease_expires_at__isnull=False, phase__in=FIRST_HALF, then=1),
        default=0,
        output_field=IntegerField(),
    )
    return rows.filter(new_or_due()) if due_only else rows, {
        "runs": F("runs") + 1,
        "attempts": F("attempts") + died,
        "lease_expires_at": Now() + Slot("seconds", DurationField()),
        "next_run_at": None,
    }


CLAIM = {due_only: Prepared(partial(_claim, due_only)) for due_only in (True, False)}


@steadily
def _take(pk: PrimaryKey, run: int, seconds: float, due_only: bool) -> int:
    lease = timedelta(seconds=seconds)
    try:
        with _savepoint():
            return CLAIM[due_only].update(pk=pk, run=run, seconds=lease)
    except IntegrityError as error:
        raise DeviceBusy from error


def _savepoint() -> AbstractContextManager[object]:
    # in autocommit the single UPDATE needs no transaction of its own
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


@steadily
def make_due(pk: PrimaryKey) -> int:
    """Makes an operation that nobody has begun due now, since its message came.

    Whoever created it may have reckoned with workers without limits, who need no
    due time for it; one that 1.3.1 left may go on with its own message only.
    """
    rows = operations().filter(
        pk=pk,
        runs=0,
        status=OperationStatus.IN_PROGRESS,
        phase=Phase.QUEUED,
        lease_expires_at__isnull=True,
        next_run_at__gt=Now(),
    )
    return rows.update(next_run_at=Now(), evidence={})


@steadily
def wait_for_device(pk: PrimaryKey) -> int:
    """Lets an operation wait until its device is free; no attempt is counted."""
    rows = operations().filter(
        pk=pk, status=OperationStatus.IN_PROGRESS, lease_expires_at__isnull=True
    )
    return rows.update(next_run_at=seconds_from_now(BUSY_DELAY))


def renew(held: Iterable[tuple[PrimaryKey, int]], seconds: float) -> int:
    """Renews the leases of the given (primary key, run number) pairs."""
    mine = Q(pk__in=[])
    for pk, run in held:
        mine |= Q(pk=pk, runs=run)
    rows = operations().filter(mine, lease_expires_at__isnull=False)
    return rows.update(lease_expires_at=seconds_from_now(seconds))


@steadily
def release(pk: PrimaryKey, run: int) -> int:
    """Gives the lease back without changing anything else."""
    rows = operations().filter(pk=pk, runs=run)
    return rows.update(lease_expires_at=None)


@steadily
def claim_clean_up(pk: PrimaryKey, run: int, seconds: float) -> bool:
    """Takes a cancelled operation whose worker died, to tidy up its device."""
    rows = operations().filter(
        pk=pk,
        runs=run,
        status=OperationStatus.CANCELLED,
        lease_expires_at__lt=Now(),
    )
    return bool(
        rows.update(runs=F("runs") + 1, lease_expires_at=seconds_from_now(seconds))
    )


def lease_seconds() -> float:
    """Returns the length of a worker's lease in seconds."""
    return float(app_settings.LEASE["seconds"])


def tick_seconds() -> float:
    """Returns the seconds between two scans for lost and due operations."""
    return float(app_settings.LEASE["tick"])
