"""Repeats what may have failed because the machine was busy.

A test that starts processes or browsers, or waits for a real clock, is repeated once
when it has failed: alone, after everything else has ended. If it passes then, it counts
as passed and is listed as unstable, so that somebody repairs its cause. No other test
is repeated, none twice, and more than a few unstable ones are a failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .job import print_line
from .lanes import Results
from .part import Part, run_part
from .results import Failure, Result

# more than that are no accident
MOST_UNSTABLE = 3
# so many failures are no busy machine, and repeating them takes long
MOST_REPEATED = 10


@dataclass
class Verdict:
    """What all parts came to.

    Attributes:
        total: all numbers, and what failed for good.
        unstable: tests that passed when they were repeated, with their first failures.
        broken: names of the parts in which something failed for good.
    """

    total: Result = field(default_factory=Result)
    unstable: list[tuple[Part, Failure]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def judge(results: Results, end: float = float("inf")) -> Verdict:
    """Repeats what may be repeated and returns what holds then.

    Arguments:
        results: of all parts, which have ended.
        end: ``time.monotonic()`` after which no repetition goes on.
    """
    candidates = [
        (part, failure)
        for part, result in results
        for failure in result.failures
        if may_be_repeated(part, failure)
    ]
    if len(candidates) > MOST_REPEATED:
        print_line(
            f"=== {len(candidates)} tests failed that are repeated where there are "
            f"{MOST_REPEATED} at most: none is"
        )
        candidates = []
    verdict = Verdict()
    for part, result in results:
        own = [failure for owner, failure in candidates if owner is part]
        verdict_of_part(verdict, part, result, own, end)
    if len(verdict.unstable) > MOST_UNSTABLE:
        why = f"{len(verdict.unstable)}, where {MOST_UNSTABLE} are accepted"
        verdict.total.failures.append(Failure("too many unstable tests", why))
    return verdict


def may_be_repeated(part: Part, failure: Failure) -> bool:
    """Returns whether a busy machine may be the cause of a failure."""
    return bool(failure.label) and (part.real_clock or failure.real_clock)


def verdict_of_part(
    verdict: Verdict, part: Part, result: Result, candidates: list[Failure], end: float
) -> None:
    """Adds a part to the verdict, after its candidates were repeated."""
    verdict.total.add(Result(result.passed, result.skipped))
    for failure in result.failures:
        if failure in candidates:
            again = repeat(part, failure, end)
            if again.passed and not again.failed:
                verdict.total.add(again)
                verdict.unstable.append((part, failure))
                continue
            what = "failed twice" if again.failed else "did not pass when repeated"
            failure = replace(failure, message=f"{what}: {failure.message}")
        verdict.total.failures.append(failure)
        if part.name not in verdict.broken:
            verdict.broken.append(part.name)


def repeat(part: Part, failure: Failure, end: float) -> Result:
    """Runs one test alone."""
    print_line(f"=== again, alone: {failure.name} of {part.name}")
    return run_part(part, [failure.label], end)
