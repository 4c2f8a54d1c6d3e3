"""A fleet in a process of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from .client import FleetClient, FleetError

PACKAGE_ROOT = pathlib.Path(__file__).resolve().parents[3]
STOP_TIMEOUT = 10


class FleetProcess(FleetClient):
    """Starts ``python -m openwisp_firmware_upgrader.testing.fleet`` and talks to it.

    The process ends with `stop`, at the end of a ``with`` block, or when the
    starting process is gone: its standard input is a pipe to the starter. It is
    in a session of its own, so killing a worker's group does not touch it.

    Keywords as for `Fleet`; ``port``, ``control`` and ``first_address`` are
    attributes afterwards.
    """

    def __init__(
        self,
        devices: int = 1,
        *,
        port: int = 0,
        control: str = "0",
        first_address: str = "127.1.0.1",
        faults: Sequence[str] = (),
        uuids: Sequence[object] = (),
        keys: Sequence[str] = (),
        user: str = "root",
        password: str = "password",  # noqa: S107  (of a simulated device)
        **attributes: object,
    ) -> None:
        arguments = ["--devices", str(devices), "--port", str(port)]
        arguments += ["--control", control, "--first-address", first_address]
        arguments += ["--user", user, "--password", password, "--until-eof"]
        for option, values in (("--fault", faults), ("--key", keys)):
            arguments += [text for value in values for text in (option, value)]
        for uuid in uuids:
            arguments += ["--uuid", str(uuid)]
        for name, value in attributes.items():
            arguments += ["--set", f"{name}={json.dumps(value)}"]
        self._process = _spawn(arguments)
        ready = self._read_ready()
        super().__init__(ready["control"])
        self.port: int = ready["port"]
        self.first_address: str = ready["first_address"]

    def __enter__(self) -> FleetProcess:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the fleet."""
        return self._process.pid

    def stop(self) -> None:
        """End the process; safe to call twice."""
        process = self._process
        if process.stdin and not process.stdin.closed:
            process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)
        if process.stdout:
            process.stdout.close()

    def _read_ready(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise FleetError(f"the fleet ended with code {self._process.wait()}")
        return json.loads(line)


def _spawn(arguments: list[str]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(
        part for part in (str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")) if part
    )
    return subprocess.Popen(  # noqa: S603  (this very package)
        [sys.executable, "-m", __package__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
