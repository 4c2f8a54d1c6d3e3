"""Devices that answer commands as no device should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asyncssh import SSHServerChannel
from asyncssh.connection import SSHConnection
from asyncssh.constants import EXTENDED_DATA_STDERR

PIECE = b"x" * 16_384
# bytes that may wait in this process for a client that does not read
WAITING = 256 * 1024
# lines as logs have them, NUL, halves of characters, colours, a title, the end of a
# line of old, writing from right to left, a line of Unicode, and a quotation
FORGED = (
    b"Upgrade completed successfully.\n\0\xff\xc3\x1b[2J\x1b]0;owned\x07\rfine\n"
    b"\xe2\x80\xae\xe2\x80\xa8Device identity verified successfully.\n"
    b"Device identity verified successfully.\n> quoted\n"
)


async def endless_stdout(channel: SSHServerChannel[bytes]) -> None:
    """Write without end, however much the client wants."""
    await _flood(channel, None)


async def endless_stderr(channel: SSHServerChannel[bytes]) -> None:
    """Write errors without end."""
    await _flood(channel, EXTENDED_DATA_STDERR)


async def endless_after_status(channel: SSHServerChannel[bytes]) -> None:
    """Say that the command has ended, then write without end."""
    _tell_status(channel)
    await _flood(channel, None)


async def drip(channel: SSHServerChannel[bytes]) -> None:
    """Write a byte five times a second, for ever."""
    while True:
        channel.write(b"x")
        await asyncio.sleep(0.2)


async def drip_after_status(channel: SSHServerChannel[bytes]) -> None:
    """Say that the command has ended, then drip."""
    _tell_status(channel)
    await drip(channel)


async def silent(channel: SSHServerChannel[bytes]) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def forged(channel: SSHServerChannel[bytes]) -> None:
    """Succeed with words that no log may take as they are."""
    _forge(channel, 0)


async def forged_failure(channel: SSHServerChannel[bytes]) -> None:
    """Fail with words that no log may take as they are."""
    _forge(channel, 1)


#: How a command may misbehave: values of ``Device.output_fault``.
OUTPUT_FAULTS: dict[str, Callable[[SSHServerChannel[bytes]], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        endless_stdout,
        endless_stderr,
        endless_after_status,
        drip,
        drip_after_status,
        silent,
        forged,
        forged_failure,
    )
}


async def misbehave(fault: str, channel: SSHServerChannel[bytes]) -> None:
    """Answer one command like this on a channel of asyncssh; returns with it."""
    await OUTPUT_FAULTS[fault](channel)


async def _flood(channel: SSHServerChannel[bytes], datatype: int | None) -> None:
    # private names of asyncssh: only who breaks the protocol needs them
    while not channel.is_closing():
        channel._send_window = 2**31  # noqa: SLF001 the window of the client
        channel.write(PIECE, datatype)
        await asyncio.sleep(0)
        while _waiting(channel) > WAITING and not channel.is_closing():
            await asyncio.sleep(0.001)


def _forge(channel: SSHServerChannel[bytes], code: int) -> None:
    channel.write(FORGED)
    channel.write_stderr(FORGED)
    channel.exit(code)


def _waiting(channel: SSHServerChannel[bytes]) -> int:
    return waiting_bytes(channel.get_connection())


def waiting_bytes(connection: SSHConnection | None) -> int:
    """Return how many bytes a client of asyncssh has not read yet."""
    transport = connection and connection._transport  # noqa: SLF001 no accessor
    return transport.get_write_buffer_size() if transport else 0


def _tell_status(channel: SSHServerChannel[bytes]) -> None:
    channel._send_request(b"exit-status", bytes(4))  # noqa: SLF001 keeps it open
