"""Carries events to the channel layer without holding up whoever has them.

One thread per process with a loop of its own: a loop per event would cost a
connection to Redis each. Delivery is best effort, a channel layer that is down
is logged once and then left alone for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from . import throttle

logger = logging.getLogger(__name__)

LIMIT = 1.0
SILENCE = 10.0
WAITING_AT_MOST = 10_000
DROPS_LOGGED_EVERY = 60.0

Send = Callable[[], Awaitable[object]]


class Publisher:
    """The thread of one process that talks to the channel layer, in order."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Send, threading.Event]] = queue.Queue(
            WAITING_AT_MOST
        )
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0

    def put(self, send: Send) -> threading.Event:
        """Queues a send; returns the event that is set once it is over."""
        done = threading.Event()
        if time.monotonic() < self._silent_until:
            done.set()
            return done
        self._start()
        try:
            self._jobs.put_nowait((send, done))
        except queue.Full:
            if throttle.allows("dropped", DROPS_LOGGED_EVERY):
                logger.warning("Too many live events are waiting, some are dropped")
            done.set()
        return done

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="firmware-live-events", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        while True:
            send, done = self._jobs.get()
            if time.monotonic() >= self._silent_until:
                loop.run_until_complete(self._send(send))
            done.set()

    async def _send(self, send: Send) -> None:
        if not await guarded(send):
            self._silent_until = time.monotonic() + SILENCE


async def guarded(send: Send) -> bool:
    """Sends within a second; returns False, after logging why, when it failed."""
    try:
        await asyncio.wait_for(_awaited(send), LIMIT)
    except Exception:  # noqa: BLE001 each layer raises errors of its own
        logger.warning("A live event could not be sent", exc_info=True)
        return False
    return True


async def _awaited(send: Send) -> None:
    await send()


_publisher = Publisher()
_tasks: set[asyncio.Task[bool]] = set()


def _forget_parent() -> None:
    global _publisher  # noqa: PLW0603 threads do not survive a fork
    _publisher = Publisher()


os.register_at_fork(after_in_child=_forget_parent)


def run_coroutine_safely(coro: Awaitable[object] | Send, waits: bool = True) -> None:
    """Runs a send; its failure is logged and never raised.

    It is over when this returns, except inside of a running loop, where it goes
    on in the background.

    Arguments:
        coro: a coroutine or a function that returns one.
        waits: False leaves it to the publisher's thread.
    """
    done = start(coro if callable(coro) else lambda: coro)
    if waits and done is not None:
        done.wait(2 * LIMIT)


def start(send: Send) -> threading.Event | None:
    """Begins a send; returns the event that is set at its end, None without one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _start_in_thread(send)
    task = loop.create_task(guarded(send))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return None


def _start_in_thread(send: Send) -> threading.Event | None:
    if isinstance(get_channel_layer(), InMemoryChannelLayer):
        # its queues wake nobody from another thread's loop
        async_to_sync(guarded)(send)
        return None
    return _publisher.put(send)


def drain(seconds: float = LIMIT) -> None:
    """Waits until what was begun so far has been sent, so many seconds at most."""
    done = start(_nothing)
    if done is not None:
        done.wait(seconds)


async def _nothing() -> None:
    pass
