"""A simulated device on the network: its socket, its connections, its reboots."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from ..device import Device
from ..effects import Flash
from ..records import DeviceReport
from . import sockets
from .hooks import Hooks

if TYPE_CHECKING:
    from .ssh import Connection

# how long a client gets to read the last answer before its session is cut
CUT_DELAY = 0.05
ANSWER_LIMIT = 5.0
SILENT_FAULT = "silent"


class Actor:
    """Plays ``device``, number ``index``, at ``address``.

    ``serve`` is called with each accepted socket; ``next_address`` gives a free
    address to a device that moves.
    """

    def __init__(
        self,
        index: int,
        device: Device,
        address: str,
        port: int,
        hooks: Hooks,
        next_address: Callable[[], str],
    ) -> None:
        self.index = index
        self.device = device
        self.address = self.first_address = address
        self.port = port
        self.hooks = hooks
        self.state = "down"
        self.silent = False
        self.connections: set[Connection] = set()
        self.serve: Callable[[Actor, socket.socket], None] | None = None
        self._next_address = next_address
        self._listener: socket.socket | None = None
        self._corpses: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._cycle: asyncio.Task[None] | None = None

    def up(self) -> None:
        """Listen; the device answers from now on."""
        if self._listener is None:
            self._listener = sockets.listen(self.address, self.port)
            loop = asyncio.get_running_loop()
            loop.add_reader(self._listener.fileno(), self._accept)
        self.state = "up"

    def down(self, state: str) -> None:
        """Stop to listen: new connections are refused."""
        self.state = state
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def cut(self) -> None:
        """End every connection at once, as a device that goes down does."""
        for connection in list(self.connections):
            connection.cut()

    def go_silent(self) -> None:
        """Let the link die: no packet comes through, none is answered."""
        self.silent = True
        if self._listener is not None:
            sockets.mute(self._listener)
        for connection in list(self.connections):
            self._corpses.append(sockets.bury(connection.sock))
            connection.cut()

    def end_silence(self) -> None:
        """Bring the link back for new connections; the old ones stay dead."""
        self.silent = False
        if self._listener is not None:
            sockets.unmute(self._listener)

    def lose_link(self, seconds: float) -> None:
        """Let the link die for ``seconds``."""

        async def outage() -> None:
            self.go_silent()
            await asyncio.sleep(seconds)
            self.end_silence()

        self._spawn(outage())

    def flash(self, flash: Flash, connection: Connection) -> asyncio.Event:
        """Begin to write the image; the event is set when the client may know.

        The device reboots by itself from here, whatever becomes of the client.
        """
        answer = asyncio.Event()
        self.device.accept_flash(flash)
        if self._cycle is None or self._cycle.done():
            self._cycle = self._spawn(self._flash_cycle(connection, answer))
        return answer

    def reboot(self) -> None:
        """Restart without a new firmware."""

        async def cycle() -> None:
            await asyncio.sleep(CUT_DELAY)
            self.down("rebooting")
            self.cut()
            await asyncio.sleep(self.device.boot_time)
            self._come_back()

        if self._cycle is None or self._cycle.done():
            self._cycle = self._spawn(cycle())

    async def _flash_cycle(self, connection: Connection, answer: asyncio.Event) -> None:
        if self.device.flash_fault == SILENT_FAULT:
            self.go_silent()
            self.state = "flashing"
        else:
            self.down("flashing")
        held = self.hooks.pass_by("flash_received_not_answered", self.index)
        await _first(held, connection.lost.wait())
        answer.set()
        if self.device.answer == "eof":
            connection.cut()
        await _first(connection.answered.wait(), connection.lost.wait(), ANSWER_LIMIT)
        await self.hooks.pass_by("flash_answered", self.index)
        await asyncio.sleep(CUT_DELAY)
        self.cut()
        await self._restart()

    async def _restart(self) -> None:
        if not self.silent:
            self.down("rebooting")
        self.state = "rebooting"
        await asyncio.gather(
            self.hooks.pass_by("rebooting", self.index),
            asyncio.sleep(self.device.boot_time),
        )
        if self.device.flash_fault == "never_back":
            self.state = "gone"
            return
        if self.device.flash_fault == "other_address":
            self.address = self._next_address()
        self._come_back()

    def _come_back(self) -> None:
        self.device.boot()
        self.up()
        self.end_silence()

    def _accept(self) -> None:
        while self._listener is not None:
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            if self.silent:
                self._corpses.append(accepted)
                continue
            self.device.record.connects += 1
            if self.serve is not None:
                self.serve(self, accepted)

    async def stop(self) -> None:
        """End connections, reboots and outages, and stop to listen."""
        self.down("down")
        self.cut()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for corpse in self._corpses:
            sockets.reset(corpse)
        self._corpses.clear()
        self.silent = False

    def report(self) -> DeviceReport:
        """Return the truth about the device at this moment."""
        device, record = self.device, self.device.record
        return DeviceReport(
            index=self.index,
            uuid=device.uuid,
            address=self.address,
            port=self.port,
            state=self.state,
            silent=self.silent,
            fault=device.fault,
            model=device.model,
            board_name=device.board_name,
            release=device.release,
            boot_id=device.boot_id,
            boots=device.boots,
            marker=device.marker,
            wifi_up=device.wifi_up,
            mem_available_kib=device.available_kib,
            services=dict(device.services),
            tmp=device.files.tmp_files,
            sessions=record.sessions,
            max_sessions=record.max_sessions,
            logins=record.logins,
            connects=record.connects,
            commands=tuple(record.commands),
            uploads=tuple(record.uploads),
            flashes=tuple(record.flashes),
            spans=tuple(record.spans),
        )

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _first(
    one: Coroutine[object, object, object],
    other: Coroutine[object, object, object],
    limit: float | None = None,
) -> None:
    """Return when one of two waits is over, cancelling the other."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(tasks, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
