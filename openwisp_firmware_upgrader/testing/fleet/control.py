"""The control interface: JSON lines over a TCP port of localhost or a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os

from .server import FleetServer

LINE_LIMIT = 64 * 1024 * 1024


class Control:
    """Answers requests for ``fleet`` at ``address``.

    ``address`` is the path of a unix socket (with a slash), ``host:port``, or
    ``port`` on localhost; port 0 means a free one.
    """

    def __init__(self, fleet: FleetServer, address: str = "0") -> None:
        self.address = address
        self._fleet = fleet
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; ``address`` is complete from now on."""
        if "/" in self.address:
            self._server = await asyncio.start_unix_server(
                self._serve, self.address, limit=LINE_LIMIT
            )
            return
        host, _, port = self.address.rpartition(":")
        self._server = await asyncio.start_server(
            self._serve, host or "127.0.0.1", int(port), limit=LINE_LIMIT
        )
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname()[:2])

    async def close(self) -> None:
        """Stop to listen and remove the socket."""
        if self._server is not None:
            self._server.close()
        if "/" in self.address:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.address)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(await self._fleet.answer(line))
                await writer.drain()
        writer.close()
