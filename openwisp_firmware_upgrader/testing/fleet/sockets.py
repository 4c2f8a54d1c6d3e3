"""One listening socket per device, and a link that can die in silence.

A rebooting device refuses connections for real, because its socket is closed. A
dead link is as dead as the kernel can make it without root: a socket filter drops
every packet before TCP sees it, so nothing is acknowledged, no FIN and no RST is
sent, and the client's own TCP_USER_TIMEOUT and connect time-out apply.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import random
import resource
import socket
import struct
from collections.abc import Iterator

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
BACKLOG = 64
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # one instruction: return 0
# below the range the kernel takes local ports from, so that nobody else gets the
# port while its device is rebooting
PORTS = range(20000, 32000)


def loopback_addresses(first: str) -> Iterator[str]:
    """Yield addresses of 127/8 from ``first`` on, leaving out .0 and .255.

    Raises `ValueError` when ``first`` is not in 127/8.
    """
    address = ipaddress.ip_address(first)
    if address not in LOOPBACK:
        raise ValueError(f"{first} is not a loopback address")
    while address in LOOPBACK:
        if int(address) % 256 not in (0, 255):
            yield str(address)
        address += 1


def random_port() -> int:
    """Return a port to try."""
    return random.choice(PORTS)  # noqa: S311  (a port is no secret)


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens at a loopback ``address``."""
    if ipaddress.ip_address(address) not in LOOPBACK:
        raise ValueError(f"{address} is not a loopback address")
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def mute(sock: socket.socket) -> None:
    """Drop every packet that arrives for ``sock`` before TCP sees it.

    Where the kernel has no socket filters, ``sock`` stays as it is: whoever
    mutes it must not read from it either.
    """
    program = ctypes.create_string_buffer(DROP_ALL, len(DROP_ALL))
    filters = struct.pack("@HP", 1, ctypes.addressof(program))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filters)


def unmute(sock: socket.socket) -> None:
    """Undo `mute`."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def bury(sock: socket.socket) -> socket.socket:
    """Return a silent second handle of ``sock``.

    The owner of ``sock`` may close it then: the connection stays open for the
    kernel until the returned handle is closed, and nobody tells the client.
    """
    corpse = socket.socket(fileno=os.dup(sock.fileno()))
    mute(corpse)
    return corpse


def reset(sock: socket.socket) -> None:
    """Close ``sock`` so that the client gets a RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
