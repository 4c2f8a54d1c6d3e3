"""A fleet in a thread of this process."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from .client import CALL_TIMEOUT, FleetApi, result_of
from .server import FleetOptions, FleetServer
from .ssh import Access


class Fleet(FleetApi):
    """Simulated devices behind real SSH, for tests in one process.

    ::

        with Fleet(devices=5, boot_time=0.5) as fleet:
            report = fleet.device(0)
            client.connect(report.address, report.port, "root", "password")

    ``options`` are those of `FleetOptions` and `Access`; every other keyword is
    an attribute of all devices (see `Device`).
    """

    def __init__(self, devices: int = 1, **options: Any) -> None:
        self._options = _options(devices, options)
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: FleetServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The SSH port of all devices."""
        return self.status()["port"]

    def start(self) -> None:
        """Start the thread and wait until the devices answer."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="fleet", daemon=True
        )
        self._thread.start()
        self._ready.wait(CALL_TIMEOUT)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End connections and thread; safe to call twice."""
        if self._thread is None:
            return
        if self._loop is not None and self._server is not None:
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(CALL_TIMEOUT)
        self._thread = None

    async def _main(self) -> None:
        server = FleetServer(self._options)
        try:
            await server.start()
        except (OSError, ValueError, TypeError) as error:
            self._failure = error
            self._ready.set()
            return
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._ready.set()
        try:
            await server.stopped.wait()
        finally:
            await server.close()

    def _call(self, do: str, wait: float = 0.0, **arguments: object) -> Any:
        if self._loop is None or self._server is None:
            raise RuntimeError("the fleet is not running")
        line = json.dumps({"do": do, **arguments}).encode()
        future = asyncio.run_coroutine_threadsafe(self._server.answer(line), self._loop)
        return result_of(future.result(CALL_TIMEOUT + wait))


def _options(devices: int, options: dict[str, Any]) -> FleetOptions:
    own = ("port", "first_address", "faults", "uuids")
    access = ("user", "password", "keys")
    return FleetOptions(
        devices=devices,
        **{name: options.pop(name) for name in own if name in options},
        access=Access(**{n: options.pop(n) for n in access if n in options}),
        attributes=options,
    )
