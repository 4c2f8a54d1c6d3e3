"""The upgrader of OpenWrt devices: its steps and its public attributes."""

from __future__ import annotations

import logging
import shlex
import time
from dataclasses import replace
from typing import Any, BinaryIO

from django.utils.translation import gettext as _
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
)
from paramiko import SSHException

from ... import settings as app_settings
from ...exceptions import UpgradeCancelled
from ...protocols import DeviceConnection, Operation
from ...state import journal, keeper
from ...statuses import OperationStatus, Phase, UpgradeProgress
from ..base import Step, StepRunner
from ..probe import answers
from . import commands, ssh
from .flash import FlashMixin
from .identity import IdentityMixin
from .memory import MemoryMixin
from .options import OptionsMixin
from .packets import guard
from .reconnect import ReconnectMixin
from .transfer import TransferMixin

logger = logging.getLogger(__name__)

# what tidying up a device may take, in seconds
CLEAN_UP_LIMIT = 15


# what paramiko makes of a command that ended without an exit status
NO_STATUS = -1


def _has_no_status(answer: object) -> bool:
    return isinstance(answer, tuple) and answer[1:] == (NO_STATUS,)


def _went_away() -> SSHException:
    return SSHException(_("the device went away while it ran a command"))


class OpenWrt(
    OptionsMixin,
    IdentityMixin,
    MemoryMixin,
    TransferMixin,
    FlashMixin,
    ReconnectMixin,
    StepRunner,
):
    """Upgrades one device in two halves: ``upgrade`` and, later, ``verify``."""

    RECONNECT_DELAY = app_settings.OPENWRT_SETTINGS.get("reconnect_delay", 180)
    RECONNECT_RETRY_DELAY = app_settings.OPENWRT_SETTINGS.get(
        "reconnect_retry_delay", 20
    )
    RECONNECT_MAX_RETRIES = app_settings.OPENWRT_SETTINGS.get(
        "reconnect_max_retries", 35
    )
    UPGRADE_TIMEOUT = app_settings.OPENWRT_SETTINGS.get("upgrade_timeout", 90)
    log_lines = None

    steps = (
        Step("_test_connection", reaches=UpgradeProgress.CONNECTION_SUCCESS),
        Step("_verify_device_uuid", reaches=UpgradeProgress.DEVICE_VERIFIED),
        Step("_test_checksum", takes=("image",)),
        Step("_read_facts", reaches=UpgradeProgress.CHECKSUM_VERIFIED),
        Step("_take_path", takes=("path",)),
        Step(
            "upload",
            takes=("image", "path"),
            phase=Phase.UPLOAD,
            reaches=UpgradeProgress.UPLOADED,
        ),
        Step("_test_image", takes=("path",), phase=Phase.IMAGE_TEST),
        Step("_reflash", takes=("path",)),
    )

    def __init__(
        self, upgrade_operation: Operation, connection: DeviceConnection
    ) -> None:
        self.upgrade_operation = upgrade_operation
        self.connection = connection
        self._non_critical_services_stopped = False

    def upgrade(self, image: BinaryIO) -> None:
        """Runs the first half.

        Arguments:
            image: the image file.

        Raises DeviceRebooting once the device was told to flash, or the outcome.
        """
        path = self._unshared(self.get_remote_path(image))
        self.run_steps(image=image, path=path)

    def exec_command(self, *args: Any, **kwargs: Any) -> Any:
        """Runs a command on the device, see the connector and ``commands.run``.

        Raises paramiko's SSHException when the device went away meanwhile, unless
        the caller reckons with that (exit code -1).
        """
        connector = self.connection.connector_instance
        accepted = NO_STATUS in (kwargs.get("exit_codes") or ())
        try:
            answer = commands.run(connector, *args, **kwargs)
        except CommandFailedException as error:
            if accepted or not ssh.has_ended(connector):
                raise
            raise _went_away() from error
        if not accepted and _has_no_status(answer) and ssh.has_ended(connector):
            raise _went_away()
        return answer

    def disconnect(self) -> None:
        """Closes the connection."""
        ssh.hang_up(self.connection)

    def _check_cancellation(self) -> None:
        self._engine_run.check()
        # a cancel is told within a second, and no write goes past it
        if self._engine_run.is_watched:
            return
        if journal.status_of(self.upgrade_operation) == OperationStatus.CANCELLED:
            self.clean_up()
            raise UpgradeCancelled

    def clean_up(self) -> None:
        """Starts stopped services, removes the uploaded file, disconnects.

        Safe to call twice; what fails is logged, the device may be gone.
        """
        try:
            if self._has_left_something():
                self._tidy_up(time.monotonic() + CLEAN_UP_LIMIT)
        except Exception:  # noqa: BLE001 the end of the operation matters more
            logger.warning(
                "Could not tidy up device %s",
                self.upgrade_operation.device_id,
                exc_info=True,
            )
        finally:
            self.disconnect()

    def _has_left_something(self) -> bool:
        return (
            self._has_stopped_services()
            or self._engine_run.evidence.remote_path is not None
        )

    def _has_stopped_services(self) -> bool:
        stopped = self._engine_run.evidence.services_stopped
        return self._non_critical_services_stopped or stopped

    def _tidy_up(self, end: float) -> None:
        connector = self.connection.connector_instance
        if not getattr(connector, "is_connected", True):
            # the keeper or the link closed it: one new connection, no more
            if not answers(self.connection):
                raise OSError("the SSH port does not answer")
            guard(connector)
            with keeper.connecting(self._engine_run, self.connection):
                connector.connect()
        if self._has_stopped_services():
            self._say(_("Starting non critical services again..."))
            self._restart_services(end)
            self._say(_("Non critical services started."))
        if path := self._engine_run.evidence.remote_path:
            self._quick(f"rm -f {shlex.quote(path)}", end)
        self._forget_what_was_left()

    def _restart_services(self, end: float) -> None:
        for service in self._non_critical_services:
            script = f"/etc/init.d/{service}"
            self._quick(f"test -f {script} && {script} start", end)
        self._quick("test -f /sbin/wifi && /sbin/wifi up", end)

    def _quick(self, command: str, end: float) -> None:
        left = max(1.0, end - time.monotonic())
        self.exec_command(command, timeout=left, raise_unexpected_exit=False)

    def _say(self, line: str) -> None:
        # a cancelled operation's log may still grow, its status may not change
        self._engine_run.log_unguarded(line)

    def _forget_what_was_left(self) -> None:
        self._non_critical_services_stopped = False
        known = self._engine_run.evidence
        clean = replace(known, services_stopped=False, remote_path=None)
        self._engine_run.mark_device_clean(clean)
