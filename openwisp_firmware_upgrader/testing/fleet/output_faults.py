"""Devices that answer commands as no device should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asyncssh.constants import EXTENDED_DATA_STDERR

PIECE = b"x" * 16_384
# bytes that may wait in this process for a client that does not read
WAITING = 256 * 1024


async def endless_stdout(channel: Any) -> None:
    """Write without end, however much the client wants."""
    await _flood(channel, None)


async def endless_stderr(channel: Any) -> None:
    """Write errors without end."""
    await _flood(channel, EXTENDED_DATA_STDERR)


async def endless_after_status(channel: Any) -> None:
    """Say that the command has ended, then write without end."""
    _tell_status(channel)
    await _flood(channel, None)


async def drip(channel: Any) -> None:
    """Write a byte five times a second, for ever."""
    while True:
        channel.write(b"x")
        await asyncio.sleep(0.2)


async def drip_after_status(channel: Any) -> None:
    """Say that the command has ended, then drip."""
    _tell_status(channel)
    await drip(channel)


async def silent(channel: Any) -> None:
    """Never answer."""
    await asyncio.Event().wait()


#: How a command may misbehave: values of ``Device.output_fault``.
OUTPUT_FAULTS: dict[str, Callable[[Any], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        endless_stdout,
        endless_stderr,
        endless_after_status,
        drip,
        drip_after_status,
        silent,
    )
}


async def misbehave(fault: str, channel: Any) -> None:
    """Answer one command like this on a channel of asyncssh; returns with it."""
    await OUTPUT_FAULTS[fault](channel)


async def _flood(channel: Any, datatype: int | None) -> None:
    # private names of asyncssh: only who breaks the protocol needs them
    while not channel.is_closing():
        channel._send_window = 2**31  # noqa: SLF001 the window of the client
        channel.write(PIECE, datatype)
        await asyncio.sleep(0)
        while _waiting(channel) > WAITING and not channel.is_closing():
            await asyncio.sleep(0.001)


def _waiting(channel: Any) -> int:
    connection = channel.get_connection()
    transport = connection and connection._transport  # noqa: SLF001 no accessor
    return transport.get_write_buffer_size() if transport else 0


def _tell_status(channel: Any) -> None:
    channel._send_request(b"exit-status", bytes(4))  # noqa: SLF001 keeps it open
