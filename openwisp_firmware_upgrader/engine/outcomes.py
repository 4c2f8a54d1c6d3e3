"""What the end of a half means for the operation, one rule per kind of end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import singledispatch
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DataError, InterfaceError, OperationalError
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from ..exceptions import (
    DeviceRebooting,
    FirmwareUpgraderException,
    FlashRefused,
    LeaseLost,
    ReconnectionFailed,
    RecoverableFailure,
    TimeLimitExceeded,
    UpgradeCancelled,
)
from ..foreign_text import inline, quoted
from ..protocols import DeviceConnection, Operation
from ..state import journal, leases
from ..state.resilience import LOST
from ..state.settle_batch import settle_ended
from ..state.update import why_lost
from ..statuses import OperationStatus, Phase
from ..upgraders.openwrt import OpenWrt
from .retry_policy import retry_delay

logger = logging.getLogger(__name__)

# once the flash was announced everything else waits for the proof
MAY_END_FLASHED = (FlashRefused, LeaseLost, DeviceRebooting, *LOST)


def conclude(error: BaseException, operation: Operation, *, recoverable: bool) -> None:
    """Stores what the end of a half means.

    Arguments:
        error: what ended the half.
        operation: the operation at work.
        recoverable: whether another attempt is allowed.

    Raises the error again when it is a RecoverableFailure to be retried.
    """
    may_end = isinstance(error, MAY_END_FLASHED)
    if operation.evidence.get("flash_sent_at") and not may_end:
        wait_for_reboot(operation, lines=_text_of(error))
        return
    _conclude(error, operation, recoverable)


def end_by_verdict(
    operation: Operation, error: FirmwareUpgraderException | None
) -> None:
    """Ends a flashed operation by what was found out about its device.

    Arguments:
        operation: the operation at work.
        error: the verdict, None when the upgrade is proven.
    """
    if error is None:
        finish(operation, OperationStatus.SUCCESS, installed=True)
    else:
        _conclude(error, operation, False)


def finish(
    operation: Operation,
    status: str,
    *,
    installed: bool = False,
    lines: Iterable[str] = (),
) -> None:
    """Ends the operation; somebody else's end is left as it is."""
    if journal.finish(operation, status, installed=installed, lines=lines):
        settle_ended(operation)
    else:
        leave(operation)


def leave(operation: Operation) -> None:
    """Lets go of an operation that is not this worker's any more.

    The lease of a cancelled one is given back now that its device is tidy.
    """
    if operation.hold is not None:
        reason = why_lost(operation)
        if isinstance(reason, UpgradeCancelled):
            leases.release(operation.pk, operation.hold.run)
    journal.status_of(operation)


def wait_for_reboot(
    operation: Operation,
    *,
    delay: float | None = None,
    lines: Iterable[str] = (),
    attempts: int = 0,
) -> None:
    """Lets go until the device may be back.

    Arguments:
        operation: the operation at work.
        delay: seconds to wait, None for the upgrader's RECONNECT_DELAY.
        lines: new log lines.
        attempts: how many attempts to verify have been made.
    """
    if delay is None:
        delay = OpenWrt.RECONNECT_DELAY
    fields = {"phase": Phase.REBOOT, "lines": lines, "attempts": attempts}
    _suspend(operation, delay=delay, **fields)


def _suspend(operation: Operation, *, delay: float, **fields: Any) -> None:
    if not journal.suspend(operation, delay=delay, **fields):
        leave(operation)
    elif operation.hold is not None:
        operation.hold.wake_in = delay


def why(error: BaseException) -> str:
    """Returns what is logged for an error, blank for one that says nothing."""
    if isinstance(error, DatabaseError) and not isinstance(error, LOST):
        return _("the database refused what was to be stored, see the worker's log")
    return inline(error)


def _text_of(error: BaseException) -> list[str]:
    text = why(error)
    # the other outcomes have sentences of ours
    is_foreign = not isinstance(error, FirmwareUpgraderException | DatabaseError)
    if is_foreign or isinstance(error, RecoverableFailure):
        text = quoted(text)
    return [text] if text else []


@singledispatch
def _conclude(error: BaseException, operation: Operation, recoverable: bool) -> None:
    logger.error("The upgrade operation %s failed", operation.pk, exc_info=error)
    lines = _text_of(error) or [type(error).__name__]
    finish(operation, OperationStatus.FAILED, lines=lines)


@_conclude.register
def _outcome(
    error: FirmwareUpgraderException, operation: Operation, recoverable: bool
) -> None:
    status = error.status or OperationStatus.FAILED
    operation.ended_by = error
    lines = _text_of(error)
    finish(operation, status, installed=error.installed, lines=lines)


@_conclude.register
def _lease_lost(error: LeaseLost, operation: Operation, recoverable: bool) -> None:
    logger.warning("Lost the lease of the upgrade operation %s", operation.pk)
    journal.status_of(operation)


@_conclude.register
def _cancelled(
    error: UpgradeCancelled, operation: Operation, recoverable: bool
) -> None:
    finish(operation, OperationStatus.CANCELLED)


@_conclude.register(OperationalError)
@_conclude.register(InterfaceError)
def _database_lost(error: Exception, operation: Operation, recoverable: bool) -> None:
    # never an outcome: the lease runs out and somebody else goes on
    logger.error("Lost the database during an upgrade", exc_info=error)


@_conclude.register
def _database_refused(
    error: DatabaseError, operation: Operation, recoverable: bool
) -> None:
    # a schema that is being migrated may fit at the next attempt
    logger.error("Could not store operation %s", operation.pk, exc_info=error)
    recoverable_failure(operation, recoverable, RecoverableFailure(why(error)))


@_conclude.register
def _data_refused(error: DataError, operation: Operation, recoverable: bool) -> None:
    logger.error("Could not store operation %s", operation.pk, exc_info=error)
    text = _(
        "The database refused to store what the device or the image said, nothing "
        "was flashed. See the log of the workers and report the problem."
    )
    finish(operation, OperationStatus.FAILED, lines=[text])


@_conclude.register(BrokerError)
@_conclude.register(RedisError)
def _server_lost(error: Exception, operation: Operation, recoverable: bool) -> None:
    # saving a device connection may publish tasks and clear caches: that broker or
    # cache did not answer says nothing about the device
    recoverable_failure(operation, recoverable, RecoverableFailure(str(error)))


@_conclude.register
def _rebooting(error: DeviceRebooting, operation: Operation, recoverable: bool) -> None:
    wait_for_reboot(operation, delay=error.delay, lines=_text_of(error))


@_conclude.register
def _gave_up(
    error: ReconnectionFailed, operation: Operation, recoverable: bool
) -> None:
    connection = getattr(operation.hold, "connection", None)
    if connection is not None:
        flag_not_working(connection, str(error))
    lines = _text_of(error)
    finish(operation, OperationStatus.FAILED, installed=error.installed, lines=lines)


def flag_not_working(connection: DeviceConnection, reason: str) -> None:
    """Notes on a device connection that it does not work any more."""
    connection.is_working = False
    connection.failure_reason = reason
    connection.last_attempt = timezone.now()
    connection.save(update_fields=["is_working", "failure_reason", "last_attempt"])


@_conclude.register(TimeLimitExceeded)
@_conclude.register(SoftTimeLimitExceeded)
def _timed_out(error: Exception, operation: Operation, recoverable: bool) -> None:
    logger.warning("The upgrade operation %s timed out", operation.pk)
    finish(operation, OperationStatus.FAILED, lines=[timed_out_text()])


@_conclude.register
def _recoverable(
    error: RecoverableFailure, operation: Operation, recoverable: bool
) -> None:
    recoverable_failure(operation, recoverable, error)


def timed_out_text() -> str:
    """Returns the line of an operation that took longer than allowed."""
    return _("Operation timed out.")


def recoverable_failure(
    operation: Operation, recoverable: bool, error: RecoverableFailure
) -> None:
    """Retries the operation later, or ends it when that was the last attempt.

    Raises the error again when another attempt will be made.
    """
    if not recoverable:
        line = _("Max retries exceeded. Upgrade failed: %(cause)s.")
        finish(
            operation, OperationStatus.FAILED, lines=[line % {"cause": inline(error)}]
        )
        return
    delay = retry_delay(operation.attempts)
    lines = [
        _("Detected a recoverable failure: %(cause)s.") % {"cause": inline(error)},
        _("The upgrade operation will be retried soon."),
    ]
    failures = operation.evidence.get("failures", 0) + 1
    _suspend(
        operation,
        phase=Phase.QUEUED,
        delay=delay,
        lines=lines,
        progress=0,
        attempts=operation.attempts + 1,
        evidence={"failures": failures},
    )
    if operation.status == OperationStatus.IN_PROGRESS:
        error.delay = delay
        raise error
