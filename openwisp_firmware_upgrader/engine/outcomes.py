"""What the end of a visit means for the operation: conclusions by kind of error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

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
from ..foreign_text import inline, message_of, quoted
from ..protocols import DeviceConnection
from ..state import journal, leases
from ..state.decisions import Decision, Done, Retry, Wake
from ..state.evidence import has_been_flashed
from ..state.resilience import LOST
from ..state.run import Run
from ..state.settle_batch import settle_ended
from ..statuses import VISITED, OperationStatus, Phase
from ..upgraders.openwrt import OpenWrt
from .retry_policy import retry_delay

logger = logging.getLogger(__name__)

# once the flash was announced everything else waits for the proof
MAY_END_FLASHED = (FlashRefused, LeaseLost, DeviceRebooting, *LOST)

# what says nothing of the device
NOT_THE_DEVICE = (
    TimeLimitExceeded,
    SoftTimeLimitExceeded,
    DatabaseError,
    BrokerError,
    RedisError,
)

# takes the run, what ended the visit, and whether another attempt is allowed
Conclusion: TypeAlias = Callable[[Run, BaseException, bool], Decision]


def apply(run: Run, error: BaseException, *, recoverable: bool) -> Decision:
    """Stores what the end of a visit means, and returns what follows.

    Arguments:
        run: the run at work.
        error: what ended the visit.
        recoverable: whether another attempt is allowed.
    """
    if _needs_a_visit(run, error):
        return wait_for_reboot(run, lines=_text_of(error))
    return _conclusion_of(error)(run, error, recoverable)


def _needs_a_visit(run: Run, error: BaseException) -> bool:
    if isinstance(error, MAY_END_FLASHED):
        return False
    if run.operation.phase in VISITED or run.evidence.flash_sent_at:
        return True
    # an upgrader that announces no flash knows what its own errors mean
    return isinstance(error, NOT_THE_DEVICE) and has_been_flashed(run.operation)


def end_by_verdict(run: Run, error: FirmwareUpgraderException | None) -> Decision:
    """Ends a flashed operation by what was found out about its device.

    Arguments:
        run: the run at work.
        error: the verdict, None when the upgrade is proven.
    """
    if error is None:
        return finish(run, OperationStatus.SUCCESS, installed=True)
    return _conclusion_of(error)(run, error, False)


def _conclusion_of(error: BaseException) -> Conclusion:
    kinds = type(error).__mro__
    return next(CONCLUSIONS[kind] for kind in kinds if kind in CONCLUSIONS)


def finish(
    run: Run, status: str, *, installed: bool = False, lines: Iterable[str] = ()
) -> Decision:
    """Ends the operation; somebody else's end is left as it is."""
    if run.finish(status, installed=installed, lines=lines):
        settle_ended(run.operation)
    else:
        relinquish(run)
    return Done()


def relinquish(run: Run) -> Decision:
    """Lets go of an operation that is not this worker's any more.

    The lease of a cancelled one is given back now that its device is tidy.
    """
    if run.number is not None and isinstance(run.why_lost(), UpgradeCancelled):
        leases.release(run.operation.pk, run.number)
    journal.status_of(run.operation)
    return Done()


def wait_for_reboot(
    run: Run, *, delay: float | None = None, lines: Iterable[str] = ()
) -> Decision:
    """Lets go until the device may be back.

    The visits to a flashed device are counted where they begin, nothing here sets
    their number back.

    Arguments:
        run: the run at work.
        delay: seconds to wait, None for the upgrader's RECONNECT_DELAY.
        lines: new log lines.
    """
    if delay is None:
        delay = OpenWrt.RECONNECT_DELAY
    # until now the attempts of the other phase were counted
    attempts = None if run.operation.phase in VISITED else 0
    if run.suspend(phase=Phase.REBOOT, delay=delay, lines=lines, attempts=attempts):
        return Wake(delay)
    return relinquish(run)


def why(error: BaseException) -> str:
    """Returns what is logged for an error, blank for one that says nothing."""
    if isinstance(error, (LeaseLost, *LOST)):
        return _("the database did not answer")
    if isinstance(error, DatabaseError):
        return _("the database refused what was to be stored, see the worker's log")
    return inline(error)


def _text_of(error: BaseException) -> list[str]:
    text = why(error)
    # the other outcomes have sentences of ours
    is_foreign = not isinstance(error, FirmwareUpgraderException | DatabaseError)
    if is_foreign or isinstance(error, RecoverableFailure):
        text = quoted(text)
    return [text] if text else []


def _unexpected(run: Run, error: BaseException, recoverable: bool) -> Decision:
    logger.error("The upgrade operation %s failed", run.operation.pk, exc_info=error)
    lines = _text_of(error) or [type(error).__name__]
    return finish(run, OperationStatus.FAILED, lines=lines)


def _outcome(run: Run, error: BaseException, recoverable: bool) -> Decision:
    run.outcome = error
    status = getattr(error, "status", None) or OperationStatus.FAILED
    installed = getattr(error, "installed", False)
    return finish(run, status, installed=installed, lines=_text_of(error))


def _lease_lost(run: Run, error: BaseException, recoverable: bool) -> Decision:
    logger.warning("Lost the lease of the upgrade operation %s", run.operation.pk)
    journal.status_of(run.operation)
    return Done()


def _cancelled(run: Run, error: BaseException, recoverable: bool) -> Decision:
    return finish(run, OperationStatus.CANCELLED)


def _database_lost(run: Run, error: BaseException, recoverable: bool) -> Decision:
    # never an outcome: the lease runs out and somebody else goes on
    logger.error("Lost the database during an upgrade", exc_info=error)
    return Done()


def _database_refused(run: Run, error: BaseException, recoverable: bool) -> Decision:
    # a schema that is being migrated may fit at the next attempt
    logger.error("Could not store operation %s", run.operation.pk, exc_info=error)
    return retry_later(run, RecoverableFailure(why(error)), recoverable)


def _data_refused(run: Run, error: BaseException, recoverable: bool) -> Decision:
    logger.error("Could not store operation %s", run.operation.pk, exc_info=error)
    text = _(
        "The database refused to store what the device or the image said, nothing "
        "was flashed. See the log of the workers and report the problem."
    )
    return finish(run, OperationStatus.FAILED, lines=[text])


def _server_lost(run: Run, error: BaseException, recoverable: bool) -> Decision:
    # saving a device connection may publish tasks and clear caches: that broker or
    # cache did not answer says nothing about the device
    return retry_later(run, RecoverableFailure(message_of(error)), recoverable)


def _rebooting(run: Run, error: BaseException, recoverable: bool) -> Decision:
    delay = getattr(error, "delay", None)
    return wait_for_reboot(run, delay=delay, lines=_text_of(error))


def _gave_up(run: Run, error: BaseException, recoverable: bool) -> Decision:
    decision = _outcome(run, error, recoverable)
    if run.connection is not None and run.operation.status == OperationStatus.FAILED:
        _flag_not_working(run.connection, str(error))
    return decision


def _flag_not_working(connection: DeviceConnection, reason: str) -> None:
    connection.is_working = False
    connection.failure_reason = reason
    connection.last_attempt = timezone.now()
    try:
        connection.save(update_fields=["is_working", "failure_reason", "last_attempt"])
    except Exception:  # noqa: BLE001 receivers raise anything, the operation has ended
        logger.exception("Could not flag the connection %s", connection.pk)


def _timed_out(run: Run, error: BaseException, recoverable: bool) -> Decision:
    logger.warning("The upgrade operation %s timed out", run.operation.pk)
    return finish(run, OperationStatus.FAILED, lines=[_("Operation timed out.")])


def retry_later(run: Run, error: BaseException, recoverable: bool) -> Decision:
    """Lets go until the next attempt, or ends the operation after the last one.

    Arguments:
        run: the run at work.
        error: a RecoverableFailure, whose ``delay`` is set.
        recoverable: whether another attempt is allowed.
    """
    cause = {"cause": inline(error)}
    if not recoverable:
        line = _("Max retries exceeded. Upgrade failed: %(cause)s.") % cause
        return finish(run, OperationStatus.FAILED, lines=[line])
    operation, evidence = run.operation, run.evidence
    delay = retry_delay(operation.attempts)
    suspended = run.suspend(
        phase=Phase.QUEUED,
        delay=delay,
        lines=[
            _("Detected a recoverable failure: %(cause)s.") % cause,
            _("The upgrade operation will be retried soon."),
        ],
        progress=0,
        attempts=operation.attempts + 1,
        evidence=replace(evidence, failures=evidence.failures + 1),
    )
    if not suspended:
        return relinquish(run)
    failure = error if isinstance(error, RecoverableFailure) else RecoverableFailure()
    failure.delay = delay
    return Retry(delay, failure)


# by the nearest class of the error
CONCLUSIONS: dict[type, Conclusion] = {
    BaseException: _unexpected,
    FirmwareUpgraderException: _outcome,
    DeviceRebooting: _rebooting,
    LeaseLost: _lease_lost,
    ReconnectionFailed: _gave_up,
    RecoverableFailure: retry_later,
    UpgradeCancelled: _cancelled,
    TimeLimitExceeded: _timed_out,
    SoftTimeLimitExceeded: _timed_out,
    DatabaseError: _database_refused,
    DataError: _data_refused,
    InterfaceError: _database_lost,
    OperationalError: _database_lost,
    BrokerError: _server_lost,
    RedisError: _server_lost,
}
