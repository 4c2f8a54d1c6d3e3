"""Devices that misbehave before anybody has logged in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from asyncssh import SSHServerConnection
from asyncssh.auth import MSG_USERAUTH_INFO_REQUEST
from asyncssh.constants import MSG_EXT_INFO, MSG_USERAUTH_BANNER
from asyncssh.packet import String, UInt32

from .output_faults import WAITING, waiting_bytes

PIECE = b"x" * 16_384
VERSION = b"SSH-2.0-dropbear_2022.83\r\n"
# a version of the protocol that clients name in an error
FORGED = b"SSH-\0\x1b[2J\xe2\x80\xae\rUpgrade_completed_successfully.-x\r\n"
MANY = 2**32 - 1


async def endless_line(sock: socket.socket) -> None:
    """Write one line without end in place of a version."""
    await _flood(sock)


async def endless_packet(sock: socket.socket) -> None:
    """Say a version and begin a packet of 2 GB."""
    await _send(sock, VERSION + (2**31 + 4).to_bytes(4, "big"))
    await _flood(sock)


async def dripping_line(sock: socket.socket) -> None:
    """Write a byte five times a second in place of a version."""
    while True:
        await _send(sock, b"x")
        await asyncio.sleep(0.2)


async def forged_version(sock: socket.socket) -> None:
    """Say a version with NUL and with characters that move the cursor."""
    await _send(sock, FORGED)
    while await asyncio.get_running_loop().sock_recv(sock, len(PIECE)):
        continue


async def endless_banner(connection: SSHServerConnection) -> None:
    """Write banners without end to who wants to log in."""
    banner = String(PIECE), String(b"")
    while not connection.is_closed():
        connection.send_packet(MSG_USERAUTH_BANNER, *banner)
        await asyncio.sleep(0)
        while waiting_bytes(connection) > WAITING and not connection.is_closed():
            await asyncio.sleep(0.001)


async def many_extensions(connection: SSHServerConnection) -> None:
    """Announce four billion extensions of the protocol in a packet of 9 bytes."""
    connection.send_packet(MSG_EXT_INFO, UInt32(MANY))
    await connection.wait_closed()


async def many_prompts(connection: SSHServerConnection) -> None:
    """Ask four billion questions in place of the one for a password."""
    texts = [String(b"")] * 3
    connection.send_packet(MSG_USERAUTH_INFO_REQUEST, *texts, UInt32(MANY))
    await connection.wait_closed()


#: How a device may misbehave before the log-in: ``Device.greeting_fault``.
GREETING_FAULTS: dict[str, Callable[[socket.socket], Awaitable[None]]] = {
    each.__name__: each
    for each in (endless_line, endless_packet, dripping_line, forged_version)
}
#: How it may misbehave in the log-in: other values of ``Device.greeting_fault``.
LOGIN_FAULTS: dict[str, Callable[[SSHServerConnection], Awaitable[None]]] = {
    each.__name__: each for each in (endless_banner, many_extensions, many_prompts)
}
QUESTIONS = many_prompts.__name__


async def _flood(sock: socket.socket) -> None:
    while True:
        await _send(sock, PIECE)


async def _send(sock: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(sock, data)
