"""Runs seeds and shrinks those that fail.

Usage: run.py [SEED…] [--slice FROM:TO] [--plan JSON] [--without NAME] [--no-shrink]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

from stack import Project  # noqa: E402

from chaos_tests.plan import Plan, plan_of, seeds  # noqa: E402 needs the paths
from chaos_tests.shrink import shrink  # noqa: E402

# how long the search for the smallest list may take, in seconds
SHRINK_SECONDS = float(os.environ.get("CHAOS_SHRINK_SECONDS", 300))
# a list of faults counts as harmless after so many runs without a violation
TRIES = 2


def smallest(stage, plan: Plan) -> Plan:
    """Returns the plan with the fewest faults that still violates something."""
    end = time.monotonic() + SHRINK_SECONDS

    def fails(faults) -> bool:
        smaller = plan.only(faults)
        return any(stage.run(smaller).violations for _try in range(TRIES))

    faults = shrink(plan.faults, fails, lambda: time.monotonic() < end)
    return plan.only(faults)


def report(plan: Plan, outcome, found: Plan | None = None) -> str:
    """Returns what a failed run has to say."""
    parts = [str(plan), *outcome.done, *outcome.violations, outcome.evidence]
    if found is not None:
        parts += ["The smallest list of faults that fails:", str(found)]
        parts.append(f"tests/chaos_tests/run.py --plan '{found.to_json()}'")
    return "\n".join(parts)


def _chosen(options: argparse.Namespace) -> list[Plan]:
    if options.plan:
        return [Plan.from_json(options.plan)]
    numbers = list(options.seeds)
    if options.slice:
        start, end = options.slice.split(":")
        numbers += seeds()[int(start) : int(end)]
    return [plan_of(seed) for seed in numbers for _ in range(options.repeat)]


def main() -> int:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--slice")
    parser.add_argument("--plan")
    parser.add_argument("--without", default="")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    project = Project()
    os.environ.update(project.env)
    import django

    django.setup()
    project.migrate()
    from chaos_tests.stage import Stage

    stage = Stage(project, options.without)
    failed, end = 0, time.monotonic() + options.seconds
    try:
        for plan in _chosen(options):
            if time.monotonic() > end:
                break
            began = time.monotonic()
            outcome = stage.run(plan)
            line = {
                "seed": plan.seed,
                "seconds": round(time.monotonic() - began, 1),
                "statuses": outcome.statuses,
                "violations": outcome.violations,
            }
            print(json.dumps(line), flush=True)
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            if options.verbose and not outcome.violations:
                print(report(plan, outcome), flush=True)
            if outcome.violations:
                failed += 1
                print(report(plan, outcome), flush=True)
                if not options.no_shrink:
                    found = smallest(stage, plan)
                    print(report(plan, outcome, found), flush=True)
    finally:
        stage.stop()
        project.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
