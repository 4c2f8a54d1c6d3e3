"""Commands of one part of the suite, which end at a moment that is given."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from stack.processes import descendants, die_with_parent

from .results import Result, read_report

ROOT = Path(__file__).resolve().parents[2]
# seconds in which a command that is stopped can say where it stood, and in which the
# output of one that has ended is read
LAST_WORDS = 10
_running: set[subprocess.Popen] = set()


def print_line(text: str) -> None:
    """Prints a line at once and whole, also from several threads."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Job:
    """Runs test runners in the root of the project and reads their reports.

    Arguments:
        name: what the part is called.
        folder: for files of this job alone.
        end: when its commands are stopped, in seconds of ``time.monotonic()``.
        prefix: begins each line of output, for parts that run side by side.
    """

    def __init__(self, name: str, folder: Path, end: float, prefix: str = "") -> None:
        self.name = name
        self.folder = folder
        self.end = end
        self.prefix = prefix
        self.stopped = ""
        self._numbers = itertools.count(1)

    def print_line(self, text: str) -> None:
        """Prints a line of this job."""
        print_line(self.prefix + text)

    def new_folder(self) -> Path:
        """Returns an empty folder."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def pytest(self, arguments: list[str], **env: str) -> Result:
        """Runs pytest."""
        report = self.new_folder() / "report.json"
        program = str(Path(__file__).with_name("pytest_with_report.py"))
        options = ["-q", "--no-header", "-p", "no:cacheprovider"]
        command = [sys.executable, program, str(report), *options, *arguments]
        code = self.execute(command, **env)
        return read_report(report, self.name, code, self.stopped)

    def django(self, arguments: list[str], **env: str) -> Result:
        """Runs Django's test runner."""
        report = self.new_folder() / "report.json"
        python = [sys.executable, "-X", "faulthandler"]
        command = [*python, "-W", "ignore::DeprecationWarning", "runtests.py"]
        env = {"REPORT_FILE": str(report), "TESTING": "1", **env}
        code = self.execute([*command, *arguments], **env)
        return read_report(report, self.name, code, self.stopped)

    def execute(self, command: list[str], **env: str) -> int:
        """Runs a command and returns its exit code.

        Whatever it has started ends with it, and it ends with us.
        """
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.prefix else None,
            stderr=subprocess.STDOUT if self.prefix else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        seconds = max(0, self.end - time.monotonic())
        watch = threading.Timer(seconds, self._stop, [process, seconds])
        _running.add(process)
        reader = threading.Thread(target=self._print_output, args=[process.stdout])
        for thread in (watch, reader):
            thread.daemon = True
            thread.start()
        try:
            return process.wait()
        finally:
            watch.cancel()
            kill_group(process, signal.SIGKILL)
            _running.discard(process)
            # somebody in another session may keep the pipe open
            reader.join(LAST_WORDS)

    def _print_output(self, output: IO[bytes] | None) -> None:
        for line in output or ():
            self.print_line(line.decode(errors="replace").rstrip())

    def _stop(self, process: subprocess.Popen, seconds: float) -> None:
        self.stopped = f"it had not ended after {seconds:.0f} s"
        self.print_line(
            f"=== {self.name} is stopped: {self.stopped}. This is where it stood:"
        )
        started = descendants(process.pid)
        # pytest and "-X faulthandler" answer with the stack of each thread
        kill_group(process, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS)
        kill_group(process, signal.SIGKILL)
        kill_each(started)


def end_all() -> None:
    """Kills all commands that run, with what they have started."""
    for process in list(_running):
        started = descendants(process.pid)
        kill_group(process, signal.SIGKILL)
        kill_each(started)


def kill_each(pids: list[int]) -> None:
    """Kills processes, those of other sessions too."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_group(process: subprocess.Popen, number: int) -> None:
    """Sends a signal to a process and all that it has started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
