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
    if why := _what_is_wrong(report, code, stopped):
        result.failures.append(Failure(name, why))
    return result


def _what_is_wrong(report: dict, code: int, stopped: str) -> str:
    """Returns why the report cannot be believed, empty if it can."""
    failures = report.get("failures", [])
    running = f" while it ran {report['running']}" if report.get("running") else ""
    if stopped:
        return f"was stopped{running}: {stopped}"
    if any(not failure.get("label") for failure in failures):
        # such a failure is not repeated: the part is red and has said why
        return ""
    if not report.get("finished"):
        return f"ended with exit code {code}{running}, before it had finished"
    if code != (1 if failures else 0):
        return f"ended with exit code {code}, with {len(failures)} failures"
    if not failures and not report["passed"] and not report["skipped"]:
        return "found no test"
    return ""


def _load(file: Path) -> dict:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
