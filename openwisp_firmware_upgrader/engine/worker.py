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
from ..state.decisions import Decision, Done, Retry
from ..state.evidence import has_been_flashed
from ..state.run import Run, run_of
from ..statuses import OperationStatus
from . import outcomes
from .cleanup import clean_up_cancelled
from .install import abort_if_younger, install_image
from .retry_policy import is_recoverable
from .verify import verify_device

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


def _work_on(task: Task, operation_id: PrimaryKey, number: int) -> None:
    operation = _load(operation_id)
    run = Run(
        operation,
        number,
        limit=app_settings.TASK_TIMEOUT,
        lease=leases.lease_seconds(),
        is_watched=True,
    )
    with keeper.running(run):
        decision = _carry_out(run, is_recoverable(task, operation))
    if isinstance(decision, Done):
        return
    is_own = str(operation_id) == _own_operation(task)
    if isinstance(decision, Retry) and is_own:
        _retry(task, operation_id, number, decision.delay, decision.error)
    wakeups.upgrade(operation_id, number, decision.delay)


def _carry_out(run: Run, recoverable: bool) -> Decision:
    # derived apps may have an ``upgrade`` of their own
    try:
        run.operation.upgrade(recoverable=recoverable)
    except RecoverableFailure as error:
        return run.decision or outcomes.apply(run, error, recoverable=recoverable)
    except SoftTimeLimitExceeded as error:
        return outcomes.apply(run, error, recoverable=False)
    return run.decision or Done()


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
        outcomes.apply(run_of(operation), error, recoverable=False)
    except RecoverableFailure as error:
        delay = error.delay
        run = leases.operations().values_list("runs", flat=True).get(pk=operation_id)
        _retry(task, operation_id, run, delay, error)


def upgrade(operation: Operation, recoverable: bool = True) -> None:
    """Upgrades the device of an operation.

    A worker that has claimed the operation makes one visit. Anybody else claims it
    and runs it to its end, waiting for the reboot in between.

    Arguments:
        operation: the operation.
        recoverable: whether another attempt will be made after a
            RecoverableFailure, which is raised again then.
    """
    run = operation.run
    if run is not None and run.is_claimed:
        run.decision = execute(run, recoverable=recoverable)
        _raise_retry(run.decision)
        return
    run_to_end(operation, recoverable=recoverable)


def run_to_end(operation: Operation, *, recoverable: bool = True) -> None:
    """Claims an operation and upgrades its device, however long that takes.

    Raises RecoverableFailure when another attempt is to be made.
    """
    while operation.status == OperationStatus.IN_PROGRESS:
        decision = _execute_claimed(operation, recoverable)
        _raise_retry(decision)
        if isinstance(decision, Done):
            return
        nap(decision.delay)


def _raise_retry(decision: Decision) -> None:
    if isinstance(decision, Retry):
        raise decision.error


def _execute_claimed(operation: Operation, recoverable: bool) -> Decision:
    limit = app_settings.TASK_TIMEOUT
    try:
        claimed = leases.claim(operation.pk, seconds=limit, due_only=False)
    except leases.DeviceBusy:
        if not abort_if_younger(operation):
            line = _("Another operation is still busy with the device, try later.")
            operation.log_line(line)
        return Done()
    operation.refresh_from_db()
    if claimed is None:
        return Done()
    with keeper.running(Run(operation, claimed, limit=limit, lease=limit)) as run:
        return execute(run, recoverable=recoverable)


def execute(run: Run, *, recoverable: bool) -> Decision:
    """Makes one visit to the operation of a run and says what follows.

    Arguments:
        run: the run at work.
        recoverable: whether another attempt is allowed.

    Raises nothing that an upgrade may end with; Celery's SoftTimeLimitExceeded
    counts like a passed deadline.
    """
    phase = verify_device if has_been_flashed(run.operation) else install_image
    try:
        return phase(run)
    except Exception as error:  # noqa: BLE001 every failure has a conclusion
        return _concluded(run, run.what_ended(error), recoverable)


def _concluded(run: Run, error: Exception, recoverable: bool) -> Decision:
    try:
        return outcomes.apply(run, error, recoverable=recoverable)
    except (LeaseLost, DatabaseError):
        # the lease runs out and whoever finds it goes on
        pk = run.operation.pk
        logger.warning("Left the upgrade operation %s", pk, exc_info=True)
        return Done()
