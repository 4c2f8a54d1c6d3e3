"""Tables, JSON and plots of what was measured."""

from __future__ import annotations

import csv
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

mpl.use("svg")
from matplotlib import pyplot  # noqa: E402 the backend is chosen first

Row = dict[str, object]


def machine() -> Row:
    """Describes the machine the numbers are of."""
    info = Path("/proc/cpuinfo").read_text()
    names = [line for line in info.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": names[0].partition(": ")[2] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory GiB": round(memory / 1024**3, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "load at the start": round(os.getloadavg()[0], 2),
    }


def medians(rows: list[Row], keys: Iterable[str]) -> list[Row]:
    """Returns one row for each case, the median of its repetitions.

    Arguments:
        rows: what each run found.
        keys: names of the columns that tell cases apart.
    """
    keys = list(keys)
    cases: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        cases[tuple(row[key] for key in keys)].append(row)
    return [_median(found, keys) for found in cases.values()]


def _median(rows: list[Row], keys: list[str]) -> Row:
    merged: Row = {}
    for name, value in rows[0].items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in keys or not is_number:
            merged[name] = value
        else:
            found = statistics.median(row[name] for row in rows)
            merged[name] = round(found, 3) if isinstance(found, float) else found
    return {**merged, "repetitions": len(rows)}


def growth(rows: list[Row], size: str, cost: str, group: Iterable[str]) -> list[Row]:
    """Returns the cost per device at the largest size over that at smaller ones.

    Arguments:
        rows: one row for each case.
        size: name of the column with the number of devices.
        cost: name of the column with the cost per device.
        group: names of the columns that tell the curves apart.
    """
    curves: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        curves[tuple(row[name] for name in group)].append(row)
    found = []
    for names, curve in curves.items():
        *smaller, last = sorted(curve, key=lambda row: row[size])
        case = dict(zip(group, names, strict=True))
        for first in smaller:
            ratio = last[cost] / first[cost] if first[cost] else 0
            ends = {"from": first[size], "to": last[size], "growth": round(ratio, 2)}
            found.append({**case, **ends})
    return found


def show(title: str, rows: list[Row]) -> None:
    """Prints rows as a table, nothing without any."""
    if not rows:
        return
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(str(name), justify="right")
    for row in rows:
        table.add_row(*(f"{row.get(name, '')}" for name in rows[0]))
    # a table that is cut off where it is written to a file helps nobody
    Console(width=220).print(table)


def save(folder: Path, name: str, found: dict) -> None:
    """Writes the numbers, raw ones included, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def table(path: Path, rows: list[Row], columns: Iterable[str]) -> None:
    """Writes some columns as CSV, which the documentation shows as a table."""
    chosen = list(columns)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, chosen, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def plot(path: Path, rows: list[Row], x: str, y: Iterable[str], group: list[str]):
    """Draws columns over a size, one curve for each column and group, as SVG."""
    figure, axes = pyplot.subplots(figsize=(7, 4))
    curves: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        curves[tuple(row[name] for name in group)].append(row)
    for names, curve in curves.items():
        points = sorted(curve, key=lambda row: row[x])
        for column, marker in zip(y, "osv^", strict=False):
            label = " ".join([*map(str, names), column])
            values = [row[column] for row in points]
            axes.plot([row[x] for row in points], values, marker, ls="-", label=label)
    axes.set_xlabel(x)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
