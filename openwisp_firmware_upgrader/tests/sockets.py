"""A client of the sockets that waits as long as a busy machine needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from channels.testing import WebsocketCommunicator

# seconds; channels gives up after one
PATIENCE = 15
STEP = 0.01


async def until(condition: Callable[[], Any]) -> None:
    """Waits for ``condition()``, no longer than a busy machine needs."""
    for _number in range(int(PATIENCE / STEP)):
        if condition():
            return
        await asyncio.sleep(STEP)


class Socket(WebsocketCommunicator):
    """The communicator of channels with more patience."""

    async def connect(self, timeout: float = PATIENCE) -> tuple[bool, Any]:
        """Returns whether the socket was accepted, and the code or protocol."""
        return await super().connect(timeout)

    async def receive_output(self, timeout: float = PATIENCE) -> Any:
        """Returns the next event of the application."""
        return await super().receive_output(timeout)

    async def receive_json_from(self, timeout: float = PATIENCE) -> Any:
        """Returns the next message."""
        return await super().receive_json_from(timeout)

    async def disconnect(self, code: int = 1000, timeout: float = PATIENCE) -> None:
        """Closes the socket and waits for the consumer to end."""
        await super().disconnect(code, timeout)

    async def says_nothing_until(
        self, condition: Callable[[], Any], silence: float = 0.1
    ) -> bool:
        """Waits for ``condition()``, then tells whether nothing was sent.

        Arguments:
            condition: what has to happen first.
            silence: how long, in seconds, nothing may be sent after it.
        """
        await until(condition)
        return await self.receive_nothing(silence)
