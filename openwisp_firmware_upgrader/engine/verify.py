"""The second half of an upgrade: one attempt to prove that it worked."""

from __future__ import annotations

import logging
from typing import Any

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
    UpgradeCancelled,
    UpgradeFailed,
)
from ..protocols import DeviceConnection, Operation, Upgrader
from ..state import journal
from ..state.resilience import LOST
from ..statuses import SECOND_HALF, Phase, UpgradeProgress
from ..upgraders.openwrt import OpenWrt
from ..upgraders.openwrt.ssh import hang_up
from ..upgraders.probe import answers
from .connections import connections_of, open_connection
from .install import make_upgrader
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


def has_been_flashed(operation: Operation) -> bool:
    """Tells whether the device may have been flashed by this operation."""
    return bool(
        operation.phase in SECOND_HALF
        or operation.evidence.get("flash_sent_at")
        # upgraders of third parties report nothing but the progress
        or operation.progress >= UpgradeProgress.REFLASHING
    )


def run_second_half(operation: Operation) -> None:
    """Makes one attempt to verify the device.

    Arguments:
        operation: the operation at work, held, whose device may be flashed.

    Raises LeaseLost when the operation is not this worker's any more.
    """
    attempt = operation.attempts + 1
    journal.record(operation, phase=Phase.VERIFY, attempts=attempt)
    upgrader_class: type = OpenWrt
    connection = None
    try:
        found, reachable = pick_connections(operation)
        connection = found[0]
        operation.hold.connection = connection
        upgrader_class = type(make_upgrader(operation, connection))
        _refuse_unreachable(operation, connection, reachable)
        connection = _open(operation, found)
        operation.hold.connection = connection
        _verify(make_upgrader(operation, connection))
    except (LeaseLost, UpgradeCancelled, *LOST):
        raise
    except Exception as error:  # noqa: BLE001 only a verdict ends a flashed device
        judge(operation, operation.hold.reason or error, upgrader_class)
    else:
        end_by_verdict(operation, None)
    finally:
        if connection is not None:
            hang_up(connection)


def _verify(upgrader: Upgrader) -> None:
    verify = getattr(upgrader, "verify", None)
    if verify is None:
        raise UpgradeFailed(
            _(
                "The worker ended during the flash and this upgrader cannot verify "
                "the device. Check by hand which firmware it runs."
            )
        )
    verify()


def pick_connections(operation: Operation) -> tuple[list[DeviceConnection], bool]:
    """Returns the device's connections, the likeliest first, and whether it answers.

    No connection is opened. Outside of workers nobody waits for the slot of an
    attempt, so that every port is taken to answer.
    Raises DeviceNotReachableYet without any enabled SSH connection.
    """
    found = connections_of(operation.device, update_strategy__icontains="ssh")
    if not found:
        raise DeviceNotReachableYet(
            _("No enabled SSH connection is available for this device.")
        )
    if not operation.hold.is_watched:
        return found, True
    reachable = next(filter(answers, found), None)
    if reachable is not None:
        found.remove(reachable)
        found.insert(0, reachable)
    return found, reachable is not None


def _open(operation: Operation, found: list[DeviceConnection]) -> DeviceConnection:
    try:
        return open_connection(operation, found[0].device, found)
    except NoWorkingDeviceConnectionError as error:
        tried = error.connection or found[0]
        _log_attempt(operation, tried)
        reason = str(error) or tried.failure_reason
        raise DeviceNotReachableYet(reason) from error


def _refuse_unreachable(
    operation: Operation, connection: DeviceConnection, reachable: bool
) -> None:
    if not reachable:
        _log_attempt(operation, connection)
        raise DeviceNotReachableYet(_("the SSH port does not answer"))


def _log_attempt(operation: Operation, connection: DeviceConnection) -> None:
    text = _("Trying to reconnect to device at %(addresses)s (attempt n.%(attempt)s)")
    values = {
        "addresses": ", ".join(connection.get_addresses()),
        "attempt": operation.attempts,
    }
    operation.log_line(text % values, save=False)


def judge(operation: Operation, error: Exception, upgrader_class: type) -> None:
    """Decides after a failed attempt: a verdict, another attempt, or giving up.

    Arguments:
        operation: the operation at work.
        error: what ended the attempt.
        upgrader_class: has RECONNECT_MAX_RETRIES and RECONNECT_RETRY_DELAY.
    """
    if isinstance(error, FirmwareUpgraderException) and error.status is not None:
        if not isinstance(error, RecoverableFailure | TimeLimitExceeded):
            end_by_verdict(operation, error)
            return
    elif not isinstance(error, NOT_REACHED):
        logger.error("The verification failed", exc_info=error)
    if operation.attempts >= _option(upgrader_class, "RECONNECT_MAX_RETRIES"):
        end_by_verdict(operation, _final(error))
        return
    delay = _option(upgrader_class, "RECONNECT_RETRY_DELAY")
    text = _("Device not reachable yet (%(why)s). Trying again in %(delay)s seconds.")
    values = {"why": why(error) or _("connection failed"), "delay": delay}
    wait_for_reboot(
        operation, delay=delay, lines=[text % values], attempts=operation.attempts
    )


def _option(upgrader_class: type, name: str) -> Any:
    return getattr(upgrader_class, name, getattr(OpenWrt, name))


def _final(error: Exception) -> FirmwareUpgraderException:
    known = getattr(error, "final", None)
    if known is not None:
        return known
    if isinstance(error, NOT_REACHED):
        text = _(
            "Giving up: the device did not answer after the flash (%(why)s). It is "
            "not known whether the upgrade worked, check the device."
        )
        return ReconnectionFailed(text % {"why": why(error)})
    text = _("Giving up: the device could not be verified (%(why)s).")
    return UpgradeFailed(text % {"why": why(error) or type(error).__name__})
