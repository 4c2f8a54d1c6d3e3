"""Runs an upgrade operation: what a wake-up or ``operation.upgrade()`` does."""

from __future__ import annotations

import logging
import time

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError
from django.db import connection
from django.utils.translation import gettext as _

from .. import settings as app_settings
from ..exceptions import LeaseLost, RecoverableFailure
from ..protocols import Operation, PrimaryKey
from ..state import concurrency, due, keeper, leases, wakeups
from ..state.clock import nap
from ..statuses import OperationStatus
from .cleanup import clean_up_cancelled
from .install import abort_if_younger, run_first_half
from .outcomes import conclude
from .retry_policy import is_recoverable
from .verify import has_been_flashed, run_second_half

logger = logging.getLogger(__name__)

# the part of the time limit a message may spend on other operations
SHARE_FOR_OTHERS = 0.1


def work(task: Task, operation_id: PrimaryKey, run: int | None = None) -> None:
    """Does what a wake-up asks for: due proofs first, then its operation.

    Arguments:
        task: the bound Celery task.
        operation_id: primary key of the operation.
        run: the run number the message carries, None claims what is new or due.

    Raises celery's Retry when the operation is due again later.
    """
    if task.request.called_directly or task.request.is_eager:
        _work_inline(task, operation_id, run)
        return
    try:
        _work(task, operation_id, run)
    except (DatabaseError, LeaseLost):
        # the message is used up and its row reckons with it for minutes
        logger.warning("No database for operation %s", operation_id, exc_info=True)
        connection.close()
        wakeups.upgrade(operation_id, run or 0, leases.BUSY_DELAY)


def _work(task: Task, operation_id: PrimaryKey, run: int | None) -> None:
    if leases.take_turns():
        _work_by_turns(task, operation_id, run)
        return
    if run is not None and _is_stale(operation_id, run):
        return
    _verify_what_is_due(task)
    try:
        claimed = leases.claim(operation_id, run, seconds=leases.lease_seconds())
    except leases.DeviceBusy:
        _wait_for_device(operation_id)
        return
    if claimed is not None:
        _work_on(task, operation_id, claimed)
    elif run is None and leases.status_and_run(operation_id) is None:
        _warn_of_deletion(operation_id)


def _verify_what_is_due(task: Task) -> None:
    end = time.monotonic() + app_settings.TASK_TIMEOUT * SHARE_FOR_OTHERS
    while time.monotonic() < end:
        found = due.claim(leases.lease_seconds())
        if found is None:
            return
        _work_on(task, *found)


def _work_by_turns(task: Task, operation_id: PrimaryKey, run: int | None) -> None:
    # the message only says that there is something to do: a slot that becomes
    # free goes to whoever has the fewest, which nobody knew when it was sent
    clean_up_cancelled(operation_id, run)
    if run is None:
        leases.make_due(operation_id)
    end = time.monotonic() + app_settings.TASK_TIMEOUT * SHARE_FOR_OTHERS
    while time.monotonic() < end:
        found = concurrency.claim_next(leases.lease_seconds(), hint=operation_id)
        if found is None:
            return
        _work_on(task, *found)
    wakeups.upgrade(operation_id, run or 0)


def _work_on(task: Task, operation_id: PrimaryKey, run: int) -> None:
    operation = _load(operation_id)
    limit, lease = app_settings.TASK_TIMEOUT, leases.lease_seconds()
    failure = None
    with keeper.hold(operation, run, limit=limit, lease=lease) as held:
        try:
            operation.upgrade(recoverable=is_recoverable(task, operation))
        except RecoverableFailure as error:
            failure = error
        except SoftTimeLimitExceeded as error:
            conclude(error, operation, recoverable=False)
    if held.wake_in is None:
        return
    if failure is not None and str(operation_id) == _own_operation(task):
        _retry(task, operation_id, run, held.wake_in, failure)
    wakeups.upgrade(operation_id, run, held.wake_in)


def _own_operation(task: Task) -> str:
    # a task that works by turns has none: it must go on with the next one
    return "" if leases.take_turns() else str((task.request.args or [None])[0])


def _retry(
    task: Task, pk: PrimaryKey, run: int, delay: float, error: Exception
) -> None:
    if delay > wakeups.LONGEST_COUNTDOWN:
        return
    # how often is the engine's decision, not Celery's
    allowed = task.request.retries + 1
    options = {"countdown": delay, "max_retries": allowed, "exc": error}
    raise task.retry(args=(str(pk), run), kwargs={}, **options)


def _load(operation_id: PrimaryKey) -> Operation:
    related = ("device", "image__build__category", "batch", "created_by")
    rows = leases.operations().select_related(*related)
    # the log is told with the first live event
    return rows.defer("log_times").get(pk=operation_id)


def _is_stale(operation_id: PrimaryKey, run: int) -> bool:
    # most wake-ups for a proof come when another slot has taken it already
    found = leases.status_and_run(operation_id)
    if found is None:
        _warn_of_deletion(operation_id)
        return True
    status, current = found
    if status == OperationStatus.CANCELLED:
        clean_up_cancelled(operation_id, run)
    return status != OperationStatus.IN_PROGRESS or current != run


def _warn_of_deletion(operation_id: PrimaryKey) -> None:
    logger.warning(
        "The UpgradeOperation object with id %s has been deleted, "
        "there is nothing to upgrade",
        operation_id,
    )


def _wait_for_device(operation_id: PrimaryKey) -> None:
    operation = _load(operation_id)
    if not abort_if_younger(operation):
        leases.wait_for_device(operation_id)
        wakeups.upgrade(operation_id, operation.runs, leases.BUSY_DELAY)


def _work_inline(task: Task, operation_id: PrimaryKey, run: int | None) -> None:
    operation = leases.operations().filter(pk=operation_id).first()
    if operation is None:
        _warn_of_deletion(operation_id)
        return
    if run is not None and run != operation.runs:
        return
    try:
        operation.upgrade(recoverable=is_recoverable(task, operation))
    except SoftTimeLimitExceeded as error:
        conclude(error, operation, recoverable=False)
    except RecoverableFailure as error:
        delay = error.delay
        run = leases.operations().values_list("runs", flat=True).get(pk=operation_id)
        _retry(task, operation_id, run, delay, error)


def run(operation: Operation, recoverable: bool = True) -> None:
    """Upgrades the device of an operation.

    A worker that holds the operation runs one half. Anybody else claims it and
    runs both halves to the end, waiting for the reboot in between.

    Arguments:
        operation: the operation.
        recoverable: whether another attempt will be made after a
            RecoverableFailure, which is raised again then.
    """
    if operation.hold is not None:
        run_half(operation, recoverable)
        return
    while operation.status == OperationStatus.IN_PROGRESS:
        delay = _run_claimed(operation, recoverable)
        if delay is None:
            return
        nap(delay)


def _run_claimed(operation: Operation, recoverable: bool) -> float | None:
    limit = app_settings.TASK_TIMEOUT
    try:
        claimed = leases.claim(operation.pk, seconds=limit, due_only=False)
    except leases.DeviceBusy:
        if not abort_if_younger(operation):
            line = _("Another operation is still busy with the device, try later.")
            operation.log_line(line)
        return None
    operation.refresh_from_db()
    if claimed is None:
        return None
    with keeper.hold(
        operation, claimed, limit=limit, lease=limit, watched=False
    ) as held:
        run_half(operation, recoverable)
    return held.wake_in


def run_half(operation: Operation, recoverable: bool) -> None:
    """Runs the half an operation is in; never raises but RecoverableFailure.

    Celery's SoftTimeLimitExceeded is concluded like a passed deadline.
    """
    half = run_second_half if has_been_flashed(operation) else run_first_half
    try:
        half(operation)
    except Exception as error:  # noqa: BLE001 every failure has a conclusion
        _conclude(operation.hold.reason or error, operation, recoverable)


def _conclude(error: Exception, operation: Operation, recoverable: bool) -> None:
    try:
        conclude(error, operation, recoverable=recoverable)
    except (LeaseLost, DatabaseError):
        # the lease runs out and whoever finds it goes on
        logger.warning("Left the upgrade operation %s", operation.pk, exc_info=True)
