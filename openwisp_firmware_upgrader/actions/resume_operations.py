"""Finds what nobody works on and wakes somebody up for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from ..engine.retry_policy import longest_retry_delay
from ..protocols import Operation, PrimaryKey
from ..state import concurrency, leases, wakeups
from ..state.evidence import LEGACY, NOT_LEGACY
from ..state.run import run_of
from ..state.settle_batch import settle_abandoned, settle_ended
from ..statuses import FIRST_HALF, SECOND_HALF, VISITED, OperationStatus, Phase
from .launch_batch import continue_launches, launches_not_begun

logger = logging.getLogger(__name__)

CHUNK = 500
CHUNKS = 4
STAMP = leases.STAMP.total_seconds()


def resume_operations() -> int:
    """Goes on with everything that was left or is due.

    Returns how many wake-ups were published.
    """
    _close_legacy()
    _clear_finished()
    _void_lost_stamps()
    take_back_expired()
    woken = _wake_clean_ups() + _wake_whoever_is_due()
    continue_launches()
    settle_abandoned()
    return woken


def _wake_whoever_is_due() -> int:
    if leases.take_turns():
        return _wake_by_turns()
    woken = sum(_wake_due(_due_first_halves(), STAMP))
    # workers take due proofs from the table too, so these may come again soon
    return woken + sum(_wake_due(_due_second_halves(), leases.tick_seconds()))


def _wake_by_turns() -> int:
    # one wake-up for each free slot; whose turn it is the woken worker decides
    free = concurrency.Slots().free
    found = list(
        concurrency.due().order_by("next_run_at").values_list("pk", "runs")[:free]
    )
    _wake(found, expires=max(leases.tick_seconds(), 5))
    return len(found)


def _in_progress() -> QuerySet[Operation]:
    return leases.operations().filter(status=OperationStatus.IN_PROGRESS)


def take_back_expired() -> int:
    """Takes the lease from workers that died.

    A run of the install phase counts as an attempt; a visit to a flashed device was
    counted when it began.

    Returns how many operations are due now because of it.
    """
    expired = _in_progress().filter(lease_expires_at__lt=Now())
    fenced = {
        "runs": F("runs") + 1,
        "lease_expires_at": None,
        "next_run_at": Now(),
    }
    visits = Case(When(phase__in=VISITED, then=F("attempts")), default=0)
    # a row may be flashed between the two: it is left to the next scan then
    flashed, others = Q(phase__in=SECOND_HALF), ~Q(phase__in=SECOND_HALF)
    verify = {**fenced, "phase": Phase.REBOOT, "attempts": visits}
    install = {**fenced, "attempts": F("attempts") + 1}
    taken = expired.filter(flashed).update(**verify)
    return taken + expired.filter(others).update(**install)


def _due() -> QuerySet[Operation]:
    return _in_progress().filter(lease_expires_at__isnull=True, next_run_at__lte=Now())


def _due_first_halves() -> QuerySet[Operation]:
    return _due().exclude(phase__in=SECOND_HALF)


def _due_second_halves() -> QuerySet[Operation]:
    return _due().filter(phase__in=SECOND_HALF)


def _wake_due(rows: QuerySet[Operation], stamp: float) -> Iterator[int]:
    for _chunk in range(CHUNKS):
        found = _stamp(rows, stamp)
        if not found or not _wake(found):
            return
        yield len(found)


def _stamp(rows: QuerySet[Operation], seconds: float) -> list[tuple[PrimaryKey, int]]:
    rows = rows.order_by("next_run_at")
    if not connection.features.has_select_for_update_skip_locked:
        return _stamp_found(rows, seconds)
    with transaction.atomic():
        locked = rows.select_for_update(skip_locked=True, of=("self",))
        return _stamp_found(locked, seconds)


def _stamp_found(
    rows: QuerySet[Operation], seconds: float
) -> list[tuple[PrimaryKey, int]]:
    found = list(rows.values_list("pk", "runs")[:CHUNK])
    due = _due().filter(pk__in=[pk for pk, _runs in found])
    due.update(next_run_at=leases.seconds_from_now(seconds))
    return found


def _wake(found: list[tuple[PrimaryKey, int]], expires: float | None = None) -> bool:
    return all(wakeups.upgrade(pk, run, expires=expires) for pk, run in found)


def _wake_clean_ups() -> int:
    rows = leases.operations().filter(
        status=OperationStatus.CANCELLED, lease_expires_at__lt=Now()
    )
    found = list(rows.values_list("pk", "runs")[:CHUNK])
    _wake(found)
    return len(found)


def _clear_finished() -> None:
    rows = leases.operations().filter(lease_expires_at__lt=Now())
    ended = rows.exclude(
        status__in=[OperationStatus.IN_PROGRESS, OperationStatus.CANCELLED]
    )
    ended.update(lease_expires_at=None)


def _void_lost_stamps() -> None:
    # a broker that lost its messages leaves rows stamped as if they were queued
    latest = leases.seconds_from_now(STAMP - 2 * leases.tick_seconds())
    stamped = Q(
        lease_expires_at__isnull=True,
        next_run_at__gt=leases.seconds_from_now(leases.BUSY_DELAY),
        next_run_at__lt=latest,
    )
    waiting = _in_progress().filter(stamped & _waits_for_nothing_else())
    for rows in (waiting, launches_not_begun()):
        if rows.exists() and wakeups.queue_is_empty():
            rows.update(next_run_at=Now())


def _waits_for_nothing_else() -> Q:
    new = Q(runs=0, phase=Phase.QUEUED) & NOT_LEGACY
    left_by_a_worker = Q(phase__in=FIRST_HALF - {Phase.QUEUED})
    # later than any retry: what is sooner may be the time of the next attempt
    longest = timedelta(seconds=longest_retry_delay())
    tried_again = Q(runs__gt=0, next_run_at__gt=F("modified") + longest)
    return new | left_by_a_worker | Q(phase=Phase.QUEUED) & tried_again


def _close_legacy() -> None:
    rows = _due_first_halves().filter(LEGACY, runs=0)
    for operation in rows[:CHUNK]:
        line = _(
            "Left in progress by an earlier version and never continued: "
            "closed without flashing the device."
        )
        run_of(operation).finish(OperationStatus.FAILED, lines=[line])
        settle_ended(operation)
