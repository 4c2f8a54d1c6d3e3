"""How many tests of a part passed, failed and were skipped, and which failed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NUMBERS = ("passed", "failed", "skipped")
# characters of a failed test's name and words; the whole stands above
SHORT = 240


@dataclass
class Total:
    """The numbers of all parts so far.

    Attributes:
        broken: parts with failures.
        failures: names of the tests that failed, with what they said.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, counts: dict[str, Any]) -> None:
        """Adds the numbers of one part."""
        self.passed += counts["passed"]
        self.failed += counts["failed"]
        self.skipped += counts["skipped"]
        self.failures += counts.get("failures", [])
        if counts["failed"]:
            self.broken.append(name)

    def say(self) -> None:
        """Prints what failed at the end, where nobody overlooks it."""
        if self.skipped:
            print(f"{self.skipped} skipped, their reasons stand above")
        for failure in self.failures:
            print(f"FAILED {failure[:SHORT]}")
        if self.broken:
            print(f"Failed parts: {', '.join(self.broken)}")
        print(f"{self.passed} passed, {self.failed} failed")


def checked(counts: dict[str, Any] | None, code: int) -> dict[str, Any]:
    """Returns the numbers; a runner that died without any counts as one failure."""
    counts = counts or dict.fromkeys(NUMBERS, 0)
    if code and not counts["failed"]:
        counts["failed"] = 1
    return counts


def of_django(file: Path, code: int) -> dict[str, Any]:
    """Returns what our runner of Django's tests wrote.

    Arguments:
        file: it may not exist.
        code: with which the runner ended.
    """
    return checked(json.loads(file.read_text()) if file.exists() else None, code)


def of_pytest(file: Path, code: int) -> dict[str, Any]:
    """Returns what stands in a report of pytest, as :func:`of_django` does."""
    if not file.exists():
        return checked(None, code or 1)
    suite = next(ET.parse(file).getroot().iter("testsuite"))
    number = {name: int(suite.get(name, 0)) for name in ("tests", "skipped")}
    bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    counts = {
        "passed": number["tests"] - number["skipped"] - bad,
        "failed": bad,
        "skipped": number["skipped"],
        "failures": [
            f"{case.get('classname')}::{case.get('name')}: "
            f"{' '.join(cause.get('message', '').split())}"
            for case in suite.iter("testcase")
            for cause in case
            if cause.tag in ("failure", "error")
        ],
    }
    return checked(counts, code)
