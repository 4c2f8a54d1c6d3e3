"""Runs the parts of the test suite and adds up their numbers.

What stands after "quick" goes to Django's test runner: labels, or -k and a part of a
test's name.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from stack.templates import shared  # noqa: E402 needs tests/
from suites.job import end_all  # noqa: E402 the same
from suites.lanes import run_in_lanes, run_one_by_one  # noqa: E402 the same
from suites.part import Part  # noqa: E402 the same
from suites.repeats import judge  # noqa: E402 the same
from suites.summary import print_summary  # noqa: E402 the same
from suites.table import (  # noqa: E402
    CHAOS,
    GROUPS,
    LONG,
    PARTS,
    QUICK,
    SLOW,
    choose,
    only,
)

# minutes of the runs of CI; both fit into its time, also when parts of both hang
MINUTES = {(): 50, ("slow",): 35}


def run(
    parts: list[Part], together: bool = False, minutes: float = float("inf")
) -> int:
    """Runs parts and prints what they came to.

    Arguments:
        parts: which.
        together: whether parts of different lanes run at the same time.
        minutes: after which all are stopped.

    Returns the exit code.
    """
    end = time.monotonic() + minutes * 60
    with shared():
        try:
            results = (run_in_lanes if together else run_one_by_one)(parts, end)
            verdict = judge(results, end)
        finally:
            end_all()
    print_summary(verdict)
    return 1 if verdict.total.failed else 0


def main(arguments: list[str]) -> int:
    """Runs the parts named by ``arguments``."""
    parser = argparse.ArgumentParser(prog="runtests", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part")
    parser.add_argument("--list", action="store_true", help="names the parts")
    quick = arguments[:1] == [QUICK.name]
    options = parser.parse_args(arguments[:1] if quick else arguments)
    # whatever a device or a test has said
    sys.stdout.reconfigure(errors="backslashreplace")
    # what was started ends with us
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    if options.list:
        for part in (QUICK, *PARTS, *SLOW, *LONG, *CHAOS):
            print(f"{part.name:14} {part.what}")
        return 0
    if quick:
        return run([only(QUICK, arguments[1:])])
    parts = choose(options.parts)
    alone = set(options.parts) - set(GROUPS)
    together = not alone and len({part.lane for part in parts}) > 1
    return run(parts, together, MINUTES.get(tuple(options.parts), float("inf")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
