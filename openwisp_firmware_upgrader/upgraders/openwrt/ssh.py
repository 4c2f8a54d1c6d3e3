"""Bounds for the controller's SSH connectors, which have none of their own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paramiko

from ...protocols import Connector, DeviceConnection
from ..device_words import install
from .output import BoundedOutput
from .packets import bound_packets

logger = logging.getLogger(__name__)
install()

KEEPALIVE = 5
# how long a channel may take to open
CHANNEL_TIMEOUT = 15
# how long sent data may stay unacknowledged: together with tidying up over a
# dead link, operators see within 15 seconds that the link is gone
UNACKNOWLEDGED = 10
# an idle link is asked by TCP itself, whatever the clock of this server does: the
# keepalive of paramiko stands still for an hour when it is put back by one
IDLE, ASK_EVERY, ASK_TIMES = 5, 2, 3
# what a connection that is over needs to notice it
ENDS_WITHIN = 0.5
CHECK_EVERY = 5
ANSWER_WITHIN = 7
# scp itself waits 10 seconds for the last answer of the device
RELEASE_AFTER = 12
RELEASE_EVERY = 0.5


def transport_of(connector: object) -> paramiko.Transport | None:
    """Returns the paramiko transport of a connector, None without one."""
    shell = getattr(connector, "shell", None)
    get_transport = getattr(shell, "get_transport", None)
    return get_transport() if get_transport is not None else None


def is_open(connection: DeviceConnection) -> bool:
    """Tells whether a ``DeviceConnection`` has an open SSH connection.

    Opening it again would cost nothing on the network, but a save of its row.
    """
    transport = transport_of(getattr(connection, "connector_instance", None))
    return isinstance(transport, paramiko.Transport) and transport.is_active()


def has_ended(connector: Connector) -> bool:
    """Tells whether an SSH connection is over, just after a command on it was.

    A device that goes away ends its commands without an exit status (paramiko: -1),
    and so does one that kills them, but over a connection that stays.
    """
    transport = transport_of(connector)
    if not isinstance(transport, paramiko.Transport):
        return False
    # paramiko closes the channels first and ends its thread then
    transport.join(ENDS_WITHIN)
    return not transport.is_alive()


def bound(connector: Connector) -> None:
    """Makes a connection that dies silently fail within 15 seconds, and quick.

    Arguments:
        connector: what ``DeviceConnection.connector_instance`` returned; other
            kinds than paramiko's are left as they are.
    """
    transport = transport_of(connector)
    if transport is None:
        return
    transport.set_keepalive(KEEPALIVE)
    transport.channel_timeout = CHANNEL_TIMEOUT
    bound_packets(transport)
    sock = getattr(transport, "sock", None)
    if not isinstance(sock, socket.socket):
        return
    # without it each command waits 40 ms for a delayed acknowledgement
    _set_option(sock, "TCP_NODELAY", 1)
    _set_option(sock, "TCP_USER_TIMEOUT", UNACKNOWLEDGED * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _set_option(sock, "TCP_KEEPIDLE", IDLE)
    _set_option(sock, "TCP_KEEPINTVL", ASK_EVERY)
    _set_option(sock, "TCP_KEEPCNT", ASK_TIMES)


def _set_option(sock: socket.socket, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is None:
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError:
        logger.info("%s cannot be set", name, exc_info=True)


def hang_up(connection: DeviceConnection) -> None:
    """Closes a connection so that the device sees it before this returns.

    paramiko's reading thread keeps a closed socket alive for up to 0.1 seconds:
    a slot that is free would still be seen on the network.

    Arguments:
        connection: a ``DeviceConnection``, connected or not.
    """
    transport = transport_of(getattr(connection, "connector_instance", None))
    sock = getattr(transport, "sock", None)
    if isinstance(sock, socket.socket):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            logger.debug("The connection was closed already", exc_info=True)
    connection.disconnect()


@contextmanager
def released(connector: Connector, is_complete: Callable[[], bool]) -> Iterator[None]:
    """Closes channels opened meanwhile when they outlive the transfer.

    ``scp`` on the device may keep its channel open for ever after the last byte;
    the connection stays, what arrived is for others to compare.

    Arguments:
        connector: the connector that uploads.
        is_complete: tells whether every byte has been handed out.
    """
    transport = transport_of(connector)
    if transport is None:
        yield
        return
    opened: list[paramiko.Channel] = []
    done = threading.Event()
    open_session = transport.open_session

    def remember(*args: Any, **kwargs: Any) -> Any:
        opened.append(open_session(*args, **kwargs))
        BoundedOutput(opened[-1])
        return opened[-1]

    transport.open_session = remember
    arguments = (opened, is_complete, done)
    threading.Thread(target=_release, args=arguments, daemon=True).start()
    try:
        yield
    except BaseException:
        # scp leaves its channel open: the device would wait for the rest
        _close_all(opened)
        raise
    finally:
        transport.open_session = open_session
        done.set()


def _close_all(channels: list[paramiko.Channel]) -> None:
    for channel in channels:
        try:
            channel.close()
        except Exception:  # noqa: BLE001 a broken transport has closed it already
            logger.debug("A channel could not be closed", exc_info=True)


def _release(
    channels: list[paramiko.Channel],
    is_complete: Callable[[], bool],
    done: threading.Event,
) -> None:
    complete_for = 0.0
    while not done.wait(RELEASE_EVERY):
        complete_for = complete_for + RELEASE_EVERY if is_complete() else 0.0
        if complete_for >= RELEASE_AFTER:
            logger.info("The upload does not end, its channel is closed")
            _close_all(channels)
            return


@contextmanager
def watched(connector: Connector) -> Iterator[None]:
    """Closes the connection when the device stops answering meanwhile.

    For a command that may be silent for long: an SSH server answers a keepalive
    at any time, so no answer means that the link is gone.
    """
    transport = transport_of(connector)
    done = threading.Event()
    if transport is not None:
        arguments = (connector, transport, done)
        threading.Thread(target=_watch, args=arguments, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(
    connector: Connector, transport: paramiko.Transport, done: threading.Event
) -> None:
    while not done.wait(CHECK_EVERY):
        answered = threading.Event()
        arguments = (transport, answered)
        threading.Thread(target=_ask, args=arguments, daemon=True).start()
        if not _wait_for_either(answered, done):
            logger.info("The link is silent, the connection is closed")
            connector.disconnect()
            return


def _ask(transport: paramiko.Transport, answered: threading.Event) -> None:
    try:
        # any answer will do, servers refuse requests they do not know
        transport.global_request("keepalive@openssh.com", wait=True)
        if transport.is_active():
            answered.set()
    except Exception:  # noqa: BLE001 a broken transport is no answer
        logger.debug("The keepalive failed", exc_info=True)


def _wait_for_either(answered: threading.Event, done: threading.Event) -> bool:
    for _second in range(ANSWER_WITHIN * 4):
        if answered.wait(0.25) or done.is_set():
            return True
    return False
