"""The verify phase of an upgrade: one visit to prove that it worked."""

from __future__ import annotations

import logging

from celery.exceptions import SoftTimeLimitExceeded
from django.utils.translation import gettext as _
from openwisp_controller.connection.connectors.exceptions import (
    CommandTimeoutException,
)
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError
from paramiko import SSHException

from ..exceptions import (
    DeviceNotReachableYet,
    FirmwareUpgraderException,
    LeaseLost,
    ReconnectionFailed,
    RecoverableFailure,
    TimeLimitExceeded,
    UpgradeAborted,
    UpgradeCancelled,
    UpgradeFailed,
)
from ..foreign_text import message_of, safe_str
from ..protocols import DeviceConnection, Upgrader
from ..state.decisions import Decision
from ..state.resilience import LOST
from ..state.run import Run
from ..statuses import VISITED, Phase
from ..upgraders.openwrt import OpenWrt
from ..upgraders.probe import answers
from .connections import close, connections_of, open_connection
from .install import make_upgrader, upgrader_class_of
from .outcomes import end_by_verdict, wait_for_reboot, why

logger = logging.getLogger(__name__)

# what a device that is still away, or goes away again, makes of an attempt
NOT_REACHED = (
    DeviceNotReachableYet,
    RecoverableFailure,
    TimeLimitExceeded,
    SoftTimeLimitExceeded,
    CommandTimeoutException,
    SSHException,
    EOFError,
    OSError,
)


# what says nothing of the firmware that the device runs
NO_VERDICT = (
    RecoverableFailure,
    TimeLimitExceeded,
    UpgradeAborted,
    UpgradeCancelled,
)


def verify_device(run: Run) -> Decision:
    """Makes one visit to prove that the upgrade worked.

    The visit counts from here on, whatever becomes of it: after
    RECONNECT_MAX_RETRIES visits the operation ends.

    Arguments:
        run: of an operation whose device may be flashed.

    Raises LeaseLost, or what a database says that cannot be reached, when another
    worker may go on.
    """
    # so far the attempts of the install phase may have been counted
    before = run.operation.attempts if run.operation.phase in VISITED else 0
    attempts = before + 1
    run.record(phase=Phase.VERIFY, attempts=attempts)
    upgrader_class: type = OpenWrt
    try:
        found = _connections(run)
        reachable = _put_reachable_first(run, found)
        upgrader_class = upgrader_class_of(found[0])
        if attempts > _max_visits(upgrader_class):
            raise DeviceNotReachableYet(_("the worker ended during the last attempt"))
        _visit(run, found, reachable)
    except Exception as error:  # noqa: BLE001 whatever it is, the visit was made
        return _judge_error(run, run.what_ended(error), upgrader_class)
    return end_by_verdict(run, None)


def _judge_error(run: Run, error: Exception, upgrader_class: type) -> Decision:
    is_last = run.operation.attempts >= _max_visits(upgrader_class)
    if isinstance(error, (LeaseLost, *LOST)) and not is_last:
        raise error
    return _judge(run, error, upgrader_class)


def _visit(run: Run, found: list[DeviceConnection], reachable: bool) -> None:
    try:
        run.connection = found[0]
        _refuse_unreachable(run, found[0], reachable)
        run.connection = _open(run, found)
        _verify(make_upgrader(run, run.connection))
    finally:
        # before the lease is given back: nobody may see two of us on the device
        close(run.connection)


def _verify(upgrader: Upgrader) -> None:
    verify = getattr(upgrader, "verify", None)
    if verify is None:
        raise UpgradeFailed(
            _(
                "The upgrade was interrupted during the flash and this upgrader "
                "cannot verify the device. Check by hand which firmware it runs."
            )
        )
    verify()


def _connections(run: Run) -> list[DeviceConnection]:
    found = connections_of(run.operation.device, update_strategy__icontains="ssh")
    if not found:
        raise _no_ssh()
    return found


def _no_ssh() -> DeviceNotReachableYet:
    text = _("No enabled SSH connection is available for this device.")
    return DeviceNotReachableYet(text)


def _put_reachable_first(run: Run, found: list[DeviceConnection]) -> bool:
    # outside of workers nobody waits for the slot of a visit: every port counts
    if not run.is_watched:
        return True
    reachable = next(filter(answers, found), None)
    if reachable is not None:
        found.remove(reachable)
        found.insert(0, reachable)
    return reachable is not None


def _open(run: Run, found: list[DeviceConnection]) -> DeviceConnection:
    try:
        return open_connection(run, found[0].device, found)
    except NoWorkingDeviceConnectionError as error:
        tried = error.connection
        _log_attempt(run, tried or found[0])
        if tried is None:
            raise _no_ssh() from error
        reason = safe_str(error) or tried.failure_reason
        raise DeviceNotReachableYet(reason) from error


def _refuse_unreachable(
    run: Run, connection: DeviceConnection, reachable: bool
) -> None:
    if not reachable:
        _log_attempt(run, connection)
        raise DeviceNotReachableYet(_("the SSH port does not answer"))


def _log_attempt(run: Run, connection: DeviceConnection) -> None:
    text = _("Trying to reconnect to device at %(addresses)s (attempt n.%(attempt)s)")
    values = {
        "addresses": ", ".join(connection.get_addresses()),
        "attempt": run.operation.attempts,
    }
    run.log(text % values, save=False)


def _judge(run: Run, error: Exception, upgrader_class: type) -> Decision:
    # a verdict, another visit, or giving up
    verdict = _verdict_of(error)
    if verdict is not None:
        return end_by_verdict(run, verdict)
    if not isinstance(error, NOT_REACHED):
        logger.error("The verification failed", exc_info=error)
    if run.operation.attempts >= _max_visits(upgrader_class):
        return end_by_verdict(run, _final(error))
    delay = _option(upgrader_class, "RECONNECT_RETRY_DELAY")
    text = _("Device not reachable yet (%(why)s). Trying again in %(delay)s seconds.")
    values = {"why": _why(error), "delay": delay}
    return wait_for_reboot(run, delay=delay, lines=[text % values])


def _why(error: Exception) -> str:
    if isinstance(error, NOT_REACHED):
        return why(error) or _("connection failed")
    return why(error) or message_of(error)


def _verdict_of(error: Exception) -> FirmwareUpgraderException | None:
    if not isinstance(error, FirmwareUpgraderException) or error.status is None:
        return None
    return None if isinstance(error, NO_VERDICT) else error


def _max_visits(upgrader_class: type) -> float:
    # one look is the least
    return max(1, _option(upgrader_class, "RECONNECT_MAX_RETRIES"))


def _option(upgrader_class: type, name: str) -> float:
    # upgraders of third parties may have none, or None
    found = getattr(upgrader_class, name, None)
    default: float = getattr(OpenWrt, name)
    return found if isinstance(found, int | float) else default


def _final(error: Exception) -> FirmwareUpgraderException:
    known = getattr(error, "final", None)
    if known is not None:
        return known
    if isinstance(error, NOT_REACHED):
        text = _(
            "Giving up: the device did not answer after the flash (%(why)s). It is "
            "not known whether the upgrade worked, check the device."
        )
        return ReconnectionFailed(text % {"why": _why(error)})
    text = _("Giving up: the device could not be verified (%(why)s).")
    return UpgradeFailed(text % {"why": _why(error)})
