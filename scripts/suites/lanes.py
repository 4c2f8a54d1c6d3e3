"""Runs parts of the suite, those of different lanes at the same time.

Most of the tests with devices wait for a reboot, those of Django compute: side by
side they need little more time than the longest lane.
"""

from __future__ import annotations

import threading

from .job import print_line
from .part import Part, run_part
from .results import Result

Results = list[tuple[Part, Result]]


def run_one_by_one(
    parts: list[Part], end: float = float("inf"), prefix: str = ""
) -> Results:
    """Runs parts one after the other.

    Arguments:
        parts: in this order.
        end: ``time.monotonic()`` after which none goes on.
        prefix: of each line of output.
    """
    results = []
    for number, part in enumerate(parts, start=1):
        head = f"=== {number} of {len(parts)}: {part.name}, {part.what}"
        print_line(prefix + head)
        results.append((part, run_part(part, [], end, prefix)))
    return results


def run_in_lanes(parts: list[Part], end: float = float("inf")) -> Results:
    """Runs the lanes of some parts at the same time, as :func:`run_one_by_one`."""
    lanes: dict[str, list[Part]] = {}
    for part in parts:
        lanes.setdefault(part.lane, []).append(part)
    results: Results = []

    def follow(lane: str) -> None:
        results.extend(run_one_by_one(lanes[lane], end, f"{lane:8}| "))

    threads = [
        threading.Thread(target=follow, args=(lane,), daemon=True) for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
