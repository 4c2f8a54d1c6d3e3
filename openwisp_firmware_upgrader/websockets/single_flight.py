"""Makes an answer once for all sockets that ask for it at the same moment.

Two hundred pages that open together, or connect again together after the web server
was restarted, ask for the same thousand operations. Django's queries run in one thread
there: made one after the other the last answers would come after the sockets were given
up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

Make = Callable[[], Awaitable[object]]


class Shared:
    """Answers by key; one that is asked for is never older than the request.

    Whoever asks while an answer waits to be made shares it; whoever asks while it
    is being made waits for the next one, as the state may have changed meanwhile.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def get(self, key: Hashable, make: Make) -> Any:
        """Returns an answer.

        Arguments:
            key: the same for requests with the same answer.
            make: makes it; what it raises reaches everybody who shares it.
        """
        # a task belongs to its loop
        key = (asyncio.get_running_loop(), key)
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, make))
            self._waiting[key] = task
        # a socket that closes takes the answer from nobody else
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Make) -> Any:
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                self._waiting.pop(key, None)
                return await make()
        finally:
            if key not in self._waiting:
                self._locks.pop(key, None)
