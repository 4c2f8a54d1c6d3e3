"""One command of a client: run by the device's shell, or by its SCP sink."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

import asyncssh

from ..effects import Effect, Flash, Hang, Hook, Reboot, Result, Running, Sleep
from ..scp_sink import ScpSink
from .output_faults import misbehave

if TYPE_CHECKING:
    from .ssh import Connection


class CommandSession(asyncssh.SSHServerSession[bytes]):
    """One command, run by the shell of the device or by its SCP sink."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._actor = connection.actor
        self._channel: asyncssh.SSHServerChannel[bytes]
        self._command = ""
        self._task: asyncio.Task[None] | None = None
        self._sink: ScpSink | None = None
        self._early = bytearray()
        self._passed_half = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Keep the channel to answer on."""
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        """Accept a command."""
        self._command = command
        return True

    def session_started(self) -> None:
        """Run the command."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def eof_received(self) -> bool:
        """Stay open for the answer."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what runs for a client that is gone."""
        if self._task is not None:
            self._task.cancel()
        if self._sink is not None:
            self._sink.close()

    async def _run(self) -> None:
        device = self._actor.device
        record = device.record.command(
            self._command, self._connection.number, device.boot_id
        )
        await self._connection.greet()
        await asyncio.sleep(device.link_delay)
        if device.output_fault and device.output_fault_in in self._command:
            await misbehave(device.output_fault, self._channel)
            return
        target = scp_target(self._command)
        if target is not None:
            self._receive_file(target)
            return
        result = await self._drive(device.run(self._command))
        record.code = result.code
        self._answer(result)

    def _answer(self, result: Result) -> None:
        if result.out:
            self._channel.write(result.out.encode("utf-8", "surrogateescape"))
        if result.err:
            self._channel.write_stderr(result.err.encode("utf-8", "surrogateescape"))
        self._channel.exit(result.code)
        self._connection.answered.set()

    async def _drive(self, running: Running) -> Result:
        try:
            effect = next(running)
            while True:
                await self._perform(effect)
                effect = running.send(None)
        except StopIteration as end:
            return end.value

    async def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Sleep):
            await asyncio.sleep(effect.seconds)
        elif isinstance(effect, Hook):
            await self._actor.hooks.pass_by(effect.name, self._actor.index)
        elif isinstance(effect, Reboot):
            self._actor.reboot()
        elif isinstance(effect, Hang):
            await asyncio.Event().wait()
        elif isinstance(effect, Flash):
            self._connection.answered.clear()
            await self._actor.flash(effect, self._connection).wait()

    def _receive_file(self, target: str) -> None:
        self._sink = ScpSink(self._actor.device, target, self._connection.number)
        self._send_answers(self._sink)
        if self._early:
            self.data_received(bytes(self._early), None)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand the bytes of a file to the sink, as fast as the link allows."""
        if self._sink is None:
            # a client need not wait until the sink says that it is ready
            self._early += data
            return
        self._sink.feed(data)
        self._send_answers(self._sink)
        if self._sink.half_received and not self._passed_half:
            self._passed_half = True
            self._middle_of_upload()
        elif self._actor.device.link_rate:
            self._connection.throttle(len(data) / self._actor.device.link_rate)

    def _send_answers(self, sink: ScpSink) -> None:
        if sink.answers:
            self._channel.write(bytes(sink.answers))
            sink.answers.clear()
        if sink.confirmed or sink.failed:
            self._end_of_upload(sink)

    def _end_of_upload(self, sink: ScpSink) -> None:
        if self._actor.device.upload_fault in ("never_exits", "unconfirmed"):
            return
        if not self._channel.is_closing():
            self._channel.exit(int(sink.failed))

    def _middle_of_upload(self) -> None:
        device = self._actor.device
        if device.upload_fault == "dropped_once":
            device.upload_fault = ""
            self._connection.cut()
        elif device.upload_fault == "silent_once":
            device.upload_fault = ""
            self._actor.lose_link(device.link_down_time)
        else:
            self._channel.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._hold())

    async def _hold(self) -> None:
        await self._actor.hooks.pass_by("mid_upload", self._actor.index)
        self._channel.resume_reading()


def scp_target(command: str) -> str | None:
    """Return PATH of the command ``scp -t PATH``, None for any other."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if words[:1] != ["scp"] or "-t" not in words:
        return None
    paths = [word for word in words[1:] if not word.startswith("-")]
    return paths[0] if len(paths) == 1 else None
