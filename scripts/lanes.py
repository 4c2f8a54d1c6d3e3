"""Runs lanes of the test suite at the same time, each in a process of its own.

Most of the tests with devices wait for a reboot, those of Django compute: side by
side they need little more time than the longest lane.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any


def run(program: list[str], lanes: dict[str, list[str]]) -> dict[str, Any]:
    """Runs the parts of each lane and prints their lines as they come.

    Arguments:
        program: command that runs the parts named after it.
        lanes: names of parts by lane.

    Returns the numbers by lane, None for one that died.
    """
    found: dict[str, Any] = {}

    def follow(lane: str, parts: list[str], file: Path) -> None:
        command = [*program, "--counts", str(file), *parts]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                print(f"{lane:8}| {text}", flush=True)
        found[lane] = json.loads(file.read_text()) if file.exists() else None

    with tempfile.TemporaryDirectory(prefix="fw", dir="/tmp") as folder:
        threads = [
            threading.Thread(target=follow, args=(lane, parts, Path(folder) / lane))
            for lane, parts in lanes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found
