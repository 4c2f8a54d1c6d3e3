"""Processes that end with whoever started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


# the kernel means the thread when it says parent: one that lives as long as we do
_parent = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parent")


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies (Linux)."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def find_program(name: str, *folders: str) -> str:
    """Returns the path of a program; FileNotFoundError says which is missing."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    if found is None:
        raise FileNotFoundError(f"{name} is missing, ./runtests installs it")
    return found


class Process:
    """A process in a session of its own, with its output in a file.

    Arguments:
        command: program and arguments.
        log: file for its output.
        env: its whole environment, None takes ours.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.command = command
        self.log = log
        with log.open("ab") as output:
            self._popen = _parent.submit(
                subprocess.Popen,
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent,
            ).result()

    @property
    def pid(self) -> int:
        """The process, which leads its process group."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the whole process group and waits for SIGKILL's end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
        if number == signal.SIGKILL:
            self._popen.wait()

    def stop(self, seconds: float = 10) -> None:
        """Ends the process group, by SIGKILL when it does not leave in time."""
        if self.is_running:
            self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        self.kill()

    def tail(self, lines: int = 30) -> str:
        """Returns the last lines of the output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready, what: str, seconds: float = 30) -> None:
        """Waits until ``ready()`` is true; RuntimeError with the output if not."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.is_running or time.monotonic() > end:
                raise RuntimeError(f"{what} did not start:\n{self.tail()}")
            time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """Returns a process and all that it has started, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, queue = [], [pid]
    while queue:
        current = queue.pop()
        found.append(current)
        queue.extend(children.get(current, []))
    return found
