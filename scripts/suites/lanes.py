"""Runs parts of the suite, those of different lanes at the same time.

Most of the tests with devices wait for a reboot, those of Django compute: side by
side they need little more time than the longest lane.
"""

from __future__ import annotations

import threading

from .job import print_line
from .part import Part, run_part
from .results import Failure, Result

Results = list[tuple[Part, Result]]


def run_one_by_one(parts: list[Part], end: float = float("inf")) -> Results:
    """Runs parts one after the other.

    Arguments:
        parts: in this order.
        end: ``time.monotonic()`` after which none goes on.
    """
    results: Results = []
    follow(results, parts, end)
    return results


def run_in_lanes(parts: list[Part], end: float = float("inf")) -> Results:
    """Runs the lanes of some parts at the same time, as :func:`run_one_by_one`."""
    lanes: dict[str, list[Part]] = {}
    for part in parts:
        lanes.setdefault(part.lane, []).append(part)
    results: Results = []
    threads = [
        threading.Thread(
            target=follow, args=(results, lanes[lane], end, f"{lane:8}| "), daemon=True
        )
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = [part for part, _result in results]
    for part in parts:
        if part not in ended:
            why = "has no result: its lane ended before it"
            results.append((part, Result(failures=[Failure(part.name, why)])))
    return results


def follow(results: Results, parts: list[Part], end: float, prefix: str = "") -> None:
    """Runs parts one after the other and adds each result at once."""
    for number, part in enumerate(parts, start=1):
        head = f"=== {number} of {len(parts)}: {part.name}, {part.what}"
        print_line(prefix + head)
        results.append((part, run_part(part, [], end, prefix)))
