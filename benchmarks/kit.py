"""What the benchmarks measure with: processor, memory, commits, commands."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from stack.processes import descendants

MIB = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Returns the processor time of a process and all that it started."""
    total = 0
    for each in descendants(pid):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2]
            # its own time, and that of its children that have ended
            total += sum(int(value) for value in text.split()[11:15])
    return total / TICKS


def memory(pid: int, kind: str = "Pss") -> int:
    """Returns the bytes that a process tree holds, proportional or resident."""
    total = 0
    for each in descendants(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{kind}:"):
                    total += int(line.split()[1]) * 1024
    return total


@dataclass
class Meter:
    """Watches processes while something runs; a context manager.

    Attributes:
        pids: process trees by name, ``workers`` among them.
        every: seconds between two looks at the memory.
    """

    project: object
    pids: dict[str, list[int]]
    every: float = 2.0
    peaks: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Meter:
        """Begins to measure."""
        self.idle = self._memory()
        self.peaks = dict(self.idle)
        self._before = self._counters()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self._start = time.monotonic()
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends measuring."""
        self.seconds = time.monotonic() - self._start
        self._done.set()
        self._thread.join()
        self._after = self._counters()

    def _look(self) -> None:
        while not self._done.wait(self.every):
            for kind, size in self._memory().items():
                self.peaks[kind] = max(self.peaks[kind], size)

    def _memory(self) -> dict[str, int]:
        return {
            kind: sum(memory(pid, kind) for pid in self.pids["workers"])
            for kind in ("Pss", "Rss")
        }

    def _counters(self) -> dict[str, float]:
        found = {
            f"cpu of {name}": sum(cpu_seconds(pid) for pid in pids)
            for name, pids in self.pids.items()
        }
        found["commits"] = commits()
        info = self.project.redis.client().info("stats")
        found["redis commands"] = info["total_commands_processed"]
        return found

    def per_device(self, devices: int) -> dict[str, float]:
        """Returns processor seconds, commits and Redis commands per device."""
        return {
            name: round((self._after[name] - before) / devices, 3)
            for name, before in self._before.items()
        }

    def memory(self) -> dict[str, int]:
        """Returns the memory of the workers in MiB, idle and at the most."""
        return {
            f"{when} {kind.upper()} MiB": round(sizes[kind] / MIB)
            for when, sizes in (("idle", self.idle), ("peak", self.peaks))
            for kind in ("Pss", "Rss")
        }


def commits() -> int:
    """Returns how many transactions the database has committed."""
    from django.db import connection

    with connection.cursor() as cursor:
        # what a session has counted reaches the statistics a second later
        time.sleep(1.2)
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT xact_commit FROM pg_stat_database "
            "WHERE datname = current_database()"
        )
        return cursor.fetchone()[0]
