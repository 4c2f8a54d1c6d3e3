"""Runs commands on devices, bounded in time and in the size of the answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from django.utils.translation import gettext as _
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
    CommandTimeoutException,
)
from openwisp_controller.connection.connectors.ssh import Ssh
from openwisp_controller.connection.settings import SSH_COMMAND_TIMEOUT

from ...exceptions import RecoverableFailure
from ...foreign_text import inline
from ...protocols import Connector
from .output import MAX_OUTPUT, BoundedOutput
from .ssh import transport_of

logger = logging.getLogger(__name__)

# the controller's own way, which connectors may override
EXEC_COMMAND = Ssh.exec_command
# what has not ended by itself so long after its time gets its connection closed:
# paramiko waits without limit for a device to accept a command
GRACE = 2
# of an answer in the log of the worker
EXCERPT = 200


class OutputTooLong(RecoverableFailure):
    """The device answered more than we read; its connection is closed."""


def run(connector: Connector, *args: Any, **kwargs: Any) -> tuple[str, int]:
    """Runs a command as ``connector.exec_command`` does, within bounds.

    The answer has at most 256 KiB, standard output and error together. With the
    controller's connectors the time-out is one of the whole command, to the last
    byte; what a connector does that has an ``exec_command`` of its own takes as
    long as that lets it, and kinds other than paramiko's are left alone.

    Arguments:
        connector: what ``DeviceConnection.connector_instance`` returned.
        args: of ``exec_command``.
        kwargs: of ``exec_command``.

    Raises OutputTooLong, or what the controller's ``exec_command`` raises.
    """
    transport = transport_of(connector)
    if not isinstance(transport, paramiko.Transport):
        return connector.exec_command(*args, **kwargs)
    if getattr(connector.exec_command, "__func__", None) is EXEC_COMMAND:
        return _execute(connector, transport, *args, **kwargs)
    with bounded_channels(transport) as opened:
        answer = connector.exec_command(*args, **kwargs)
    _refuse_too_long(connector, *opened)
    return answer


@contextmanager
def bounded_channels(transport: paramiko.Transport) -> Iterator[list[BoundedOutput]]:
    """Bounds the output of channels that others open meanwhile; yields what of."""
    opened: list[BoundedOutput] = []
    open_session = transport.open_session

    def open_bounded(*args: Any, **kwargs: Any) -> Any:
        channel = open_session(*args, **kwargs)
        opened.append(BoundedOutput(channel))
        return channel

    transport.open_session = open_bounded
    try:
        yield opened
    finally:
        transport.open_session = open_session


def _refuse_too_long(connector: Connector, *outputs: BoundedOutput) -> None:
    if not any(output.is_too_long for output in outputs):
        return
    # whoever ignores limits may ignore that a channel is closed, too
    connector.disconnect()
    text = _("the device answered a command with more than %(limit)s bytes")
    raise OutputTooLong(text % {"limit": MAX_OUTPUT})


def _execute(
    connector: Connector,
    transport: paramiko.Transport,
    command: str,
    timeout: float = SSH_COMMAND_TIMEOUT,
    exit_codes: Container[int] = (0,),
    raise_unexpected_exit: bool = True,
) -> tuple[str, int]:
    # the controller reads without limit, logs all of it, and waits anew for each byte
    timeout = float(timeout)
    logger.info("Executing command: %s", inline(command))
    with _closed_after(timeout + GRACE, connector):
        end = time.monotonic() + timeout
        channel = transport.open_session(timeout=timeout)
        try:
            output = BoundedOutput(channel)
            channel.exec_command(command)
            _wait(channel, output, end, timeout)
            _refuse_too_long(connector, output)
            stdout, stderr = (text.decode("utf-8", "ignore") for text in output.read())
        finally:
            channel.close()
    code = channel.exit_status
    logger.debug("Exit code %s: %r", code, (stdout + stderr)[:EXCERPT])
    if code not in exit_codes and raise_unexpected_exit:
        text = stderr or stdout or f"Unexpected exit code: {code}"
        raise CommandFailedException(inline(text))
    return _joined(stdout, stderr), code


def _wait(
    channel: paramiko.Channel, output: BoundedOutput, end: float, timeout: float
) -> None:
    ended = output.ended.wait(max(0.0, end - time.monotonic()))
    if output.is_too_long:
        return
    if not channel.status_event.wait(max(0.0, end - time.monotonic())):
        raise CommandTimeoutException(f"Command timed out after {timeout} seconds.")
    if not ended:
        # it has an exit status and goes on to talk
        raise TimeoutError(_("the answer to a command did not end in time"))


def _joined(stdout: str, stderr: str) -> str:
    gap = "\n" if stderr and not stdout.endswith("\n") else ""
    return f"{stdout}{gap}{stderr}"


@contextmanager
def _closed_after(seconds: float, connector: Connector) -> Iterator[None]:
    timer = threading.Timer(seconds, connector.disconnect)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
