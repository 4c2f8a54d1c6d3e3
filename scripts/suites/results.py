"""What the tests of a part came to, as its runner wrote it down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Failure:
    """A test that failed, or a runner that did not finish.

    Attributes:
        name: what is shown.
        message: what it said, on one line.
        label: runs this test alone when its runner gets it; empty if nothing does.
        real_clock: whether the test says itself that it waits for a real clock.
    """

    name: str
    message: str
    label: str = ""
    real_clock: bool = False


@dataclass
class Result:
    """The numbers of a part, and what failed in it."""

    passed: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many tests failed; a runner that did not finish counts as one."""
        return len(self.failures)

    def add(self, other: Result) -> None:
        """Adds the numbers and failures of another result."""
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures


def read_report(file: Path, name: str, code: int, stopped: str = "") -> Result:
    """Returns what a runner reported; whatever is missing counts as a failure.

    Arguments:
        file: JSON with ``passed``, ``skipped``, ``failures``, ``running`` (the test at
            work) and ``finished``; it may not exist or be cut.
        name: what a runner is called that did not finish.
        code: with which it ended.
        stopped: why it was stopped, empty if it was not.
    """
    report = _load(file)
    failures = [Failure(**failure) for failure in report.get("failures", [])]
    result = Result(report.get("passed", 0), report.get("skipped", 0), failures)
    running = f" while it ran {report['running']}" if report.get("running") else ""
    if stopped:
        result.failures.append(Failure(name, f"was stopped{running}: {stopped}"))
    elif not report.get("finished"):
        why = f"ended with exit code {code}{running}, before it had finished"
        result.failures.append(Failure(name, why))
    elif code and not failures:
        why = f"ended with exit code {code}, though no test failed"
        result.failures.append(Failure(name, why))
    return result


def _load(file: Path) -> dict:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
