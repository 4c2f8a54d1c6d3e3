"""Django's test runner, which also reports to ``./runtests``."""

import contextlib
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import TestCase, TestResult

from django.test.runner import DiscoverRunner
from django.utils.module_loading import import_string


class ReportingRunner(DiscoverRunner):
    """Writes what became of the tests to the file named by ``REPORT_FILE``."""

    def suite_result(self, suite, result, **kwargs):
        """Returns the number of failures, as Django's own runner does."""
        if path := os.environ.get("REPORT_FILE"):
            Path(path).write_text(json.dumps(report_of(result)))
            # Django itself names them only where it names every test
            for reason, times in Counter(why for _test, why in result.skipped).items():
                self.log(f"skipped {times}: {reason}")
        return super().suite_result(suite, result, **kwargs)


def report_of(result: TestResult) -> dict[str, Any]:
    """Returns what ``scripts/suites/results.py`` reads."""
    wrong = [*result.failures, *result.errors]
    wrong += [(test, "unexpected success") for test in result.unexpectedSuccesses]
    failures = {}
    for test, text in wrong:
        # a sub-test stands for its test
        failures.setdefault(whole(test).id(), failure(whole(test), text))
    # where the set-up of a class fails or skips, its tests did not run at all
    others = [*(test for test, _ in wrong), *(test for test, _ in result.skipped)]
    counted = {whole(test).id() for test in others if isinstance(test, TestCase)}
    return {
        "passed": result.testsRun - len(counted),
        "skipped": len(result.skipped),
        "failures": list(failures.values()),
        "finished": True,
    }


def whole(test: Any) -> Any:
    """Returns the test that a sub-test belongs to, any other test as it is."""
    return getattr(test, "test_case", test)


def failure(test: Any, text: str) -> dict[str, Any]:
    """Returns what is reported of a test that failed."""
    return {
        "name": str(test),
        # the last line of a traceback tells what was wrong
        "message": (text.strip().splitlines() or [""])[-1],
        "label": label(test.id()),
        "real_clock": "real_clock" in tags_of(test),
    }


def tags_of(test: Any) -> set[str]:
    """Returns the tags of a test, or of the class whose set-up failed."""
    owner = test
    if not isinstance(test, TestCase):
        with contextlib.suppress(ImportError, ValueError):
            owner = import_string(label(test.id()))
    function = getattr(owner, getattr(owner, "_testMethodName", ""), None)
    return {*getattr(owner, "tags", ()), *getattr(function, "tags", ())}


def label(name: str) -> str:
    """Returns what runs a test alone, empty if nothing does.

    Arguments:
        name: id of the test; one that cannot be imported has none of its own, and where
            the set-up of a class fails, the class is named in parentheses.
    """
    if name.startswith("unittest."):
        return ""
    held = re.fullmatch(r"\w+ \((.+)\)", name)
    return held[1] if held else name
