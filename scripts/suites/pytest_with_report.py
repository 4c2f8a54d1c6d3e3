"""Runs pytest and keeps a report: ``pytest_with_report.py FILE [argument…]``.

The file always tells what has happened so far, so that a run which hangs or dies
still names its test; names are such that pytest finds the test again by them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


class Reporter:
    """A plugin that writes the outcome of each test.

    Arguments:
        file: where the report goes.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, dict[str, Any]] = {}
        self.real_clock: set[str] = set()
        self.labels: dict[str, str] = {}
        self.skipped_modules = 0
        self.chosen: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Notes which test is at work."""
        self.write(running=nodeid)

    def pytest_collection_modifyitems(self, items) -> None:
        """Notes where the tests are, and which of them wait for a real clock."""
        for item in items:
            _file, colons, names = item.nodeid.partition("::")
            self.labels[item.nodeid] = os.path.relpath(item.path) + colons + names
        self.real_clock = {
            item.nodeid for item in items if item.get_closest_marker("real_clock")
        }

    def pytest_runtest_logreport(self, report) -> None:
        """Notes the worst outcome of set-up, call and tear-down."""
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
            self.failures.setdefault(report.nodeid, self.failure(report))
        elif report.skipped:
            self.outcomes.setdefault(report.nodeid, "skipped")
        elif report.when == "call":
            self.outcomes.setdefault(report.nodeid, "passed")

    def pytest_collectreport(self, report) -> None:
        """Notes a module that cannot be read; nothing runs it again alone."""
        if report.failed:
            self.failures[report.nodeid] = self.failure(report)
        elif report.skipped:
            self.skipped_modules += 1

    def pytest_runtest_logfinish(self) -> None:
        """Writes the report after each test."""
        self.write()

    def pytest_collection_finish(self, session) -> None:
        """Notes which tests are about to run."""
        self.chosen = {item.nodeid for item in session.items}

    def finish(self, code: int) -> None:
        """Writes the report at the end.

        Arguments:
            code: with which pytest ended; it also ends early, in many ways.
        """
        whole = code in (0, 1) and self.chosen <= set(self.outcomes)
        self.write(finished=whole)

    def failure(self, report) -> dict[str, Any]:
        """Returns what the report says of a test that failed."""
        crash = getattr(report.longrepr, "reprcrash", None)
        text = getattr(report.longrepr, "errorstring", "") or str(report.longrepr)
        # of a long text the last line tells what was wrong
        text = crash.message if crash else (text.splitlines() or [""])[-1]
        when = getattr(report, "when", "collect")
        prefix = "" if when == "call" else f"{when}: "
        return {
            "name": report.nodeid,
            "message": prefix + " ".join(text.split()),
            "label": self.labels.get(report.nodeid, ""),
            "real_clock": report.nodeid in self.real_clock,
        }

    def write(self, **more: Any) -> None:
        """Replaces the report, whole or not at all."""
        outcomes = list(self.outcomes.values())
        report = {
            "passed": outcomes.count("passed"),
            "skipped": outcomes.count("skipped") + self.skipped_modules,
            "failures": list(self.failures.values()),
            **more,
        }
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(report))
        os.replace(new, self.file)


def main(file: str, *arguments: str) -> int:
    """Runs pytest as ``python -m pytest`` does."""
    sys.path[0] = os.getcwd()
    import pytest

    reporter = Reporter(Path(file))
    code = pytest.main(list(arguments), plugins=[reporter])
    reporter.finish(code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
