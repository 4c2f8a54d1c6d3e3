"""Bounds for the controller's SSH connectors, which have none of their own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

KEEPALIVE = 5
# how long a link may be silent before it counts as dead
SILENCE = 15
CHECK_EVERY = 5
ANSWER_WITHIN = 7


def transport_of(connector: Any) -> Any:
    """Returns the paramiko transport of a connector, None without one."""
    shell = getattr(connector, "shell", None)
    get_transport = getattr(shell, "get_transport", None)
    return get_transport() if get_transport is not None else None


def bound(connector: Any) -> None:
    """Makes a connection that dies silently fail within 15 seconds.

    Arguments:
        connector: what ``DeviceConnection.connector_instance`` returned; other
            kinds than paramiko's are left as they are.
    """
    transport = transport_of(connector)
    if transport is None:
        return
    transport.set_keepalive(KEEPALIVE)
    transport.channel_timeout = SILENCE
    timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    sock = getattr(transport, "sock", None)
    if timeout is None or not isinstance(sock, socket.socket):
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, timeout, SILENCE * 1000)
    except OSError:
        logger.info("TCP_USER_TIMEOUT cannot be set", exc_info=True)


@contextmanager
def watched(connector: Any) -> Iterator[None]:
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


def _watch(connector: Any, transport: Any, done: threading.Event) -> None:
    while not done.wait(CHECK_EVERY):
        answered = threading.Event()
        arguments = (transport, answered)
        threading.Thread(target=_ask, args=arguments, daemon=True).start()
        if not _wait_for_either(answered, done):
            logger.info("The link is silent, the connection is closed")
            connector.disconnect()
            return


def _ask(transport: Any, answered: threading.Event) -> None:
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
