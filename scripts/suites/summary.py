"""Prints what all parts came to, where nobody overlooks it."""

from __future__ import annotations

from .job import print_line
from .repeats import Verdict

# characters of a test's name and words; the whole stands above
SHORT = 240


def print_summary(verdict: Verdict) -> None:
    """Prints failures, then unstable tests, last ``N passed, N failed``."""
    total = verdict.total
    if total.skipped:
        print_line(f"{total.skipped} skipped, their reasons stand above")
    for failure in total.failures:
        print_line(f"FAILED {failure.name}: {failure.message}"[:SHORT])
    if verdict.broken:
        print_line(f"Failed parts: {', '.join(verdict.broken)}")
    for part, failure in verdict.unstable:
        text = f"unstable {part.name}: {failure.name}: {failure.message}"
        print_line(text[:SHORT])
    print_line(f"{total.passed} passed, {total.failed} failed")
