"""Runs benchmarks, prints their tables and writes them to ``docs/performance``.

``./benchmarks/run`` runs all of them, ``./benchmarks/run launch`` one,
``./benchmarks/run end_to_end --sizes 8 64 --repeat 1 --out /tmp/x`` a smaller one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "docs" / "performance"
# an hour is longer than a thousand devices take
LIMIT = 3600


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: its program, its cases, and what is shown of it.

    Attributes:
        program: file name of what measures one case.
        what: one sentence for people.
        sizes: the sizes of a whole run.
        variants: further options, one tuple for each curve.
        keys: columns that tell cases apart, the size first.
        cost: the column whose growth is looked at.
        plots: the columns that are drawn.
        shown: columns of the table in the documentation, after the keys.
        flag: option that takes the size, empty where it is an argument.
    """

    program: str
    what: str
    sizes: tuple[int, ...]
    keys: tuple[str, ...]
    cost: str
    plots: tuple[str, ...]
    shown: tuple[str, ...]
    variants: tuple[tuple[str, ...], ...] = ((),)
    flag: str = ""

    def commands(self, sizes: list[int] | None) -> list[list[str]]:
        """Returns the command of each case."""
        found = []
        for size, options in product(sizes or self.sizes, self.variants):
            named = [self.flag, str(size)] if self.flag else [str(size)]
            found.append([sys.executable, str(HERE / self.program), *named, *options])
        return found


PREFORK = ("--pool", "prefork", "--slots", "8")
THREADS = ("--pool", "threads", "--slots", "64", "--pin")
SLOW = ("--rate", "1000000", "--delay", "50")
END_TO_END = {
    "program": "end_to_end.py",
    "keys": ("devices", "pool", "slots", "workers"),
    "cost": "seconds per device",
    "plots": ("seconds", "ideal seconds"),
    "shown": (
        "seconds",
        "ideal seconds",
        "ratio",
        "devices per minute",
        "cpu of workers",
        "cpu of ideal",
        "cpu of fleet",
        "idle PSS MiB",
        "peak PSS MiB",
        "idle RSS MiB",
        "peak RSS MiB",
        "commits",
        "redis commands",
    ),
    "flag": "--devices",
}
BENCHMARKS = {
    "launch": Benchmark(
        "launch.py",
        "Launch of a mass upgrade",
        (100, 1000, 10_000),
        ("devices",),
        "ms per device",
        ("ms per device",),
        ("launched", "queries", "seconds", "ms per device"),
    ),
    "end_to_end": Benchmark(
        what="Mass upgrades from launch to proof, 4 MB images",
        sizes=(8, 64, 256, 1000),
        variants=(PREFORK, THREADS),
        **END_TO_END,
    ),
    "slow_links": Benchmark(
        what="The same over links of 1 MB/s and 50 ms",
        sizes=(8, 64, 256),
        variants=((*PREFORK, *SLOW), (*THREADS, *SLOW)),
        **END_TO_END,
    ),
    "log_lines": Benchmark(
        "log_lines.py",
        "Twenty log lines of one operation in a mass upgrade",
        (10, 10_000),
        ("operations in the batch",),
        "ms per line",
        ("ms per line",),
        ("lines", "queries", "ms per line"),
    ),
    "waiting": Benchmark(
        "waiting.py",
        "A worker while devices reboot",
        (10, 1000),
        ("devices in reboot",),
        "cpu of workers",
        ("cpu of workers", "seconds late, median"),
        (
            "cpu of workers",
            "commits",
            "redis commands",
            "peak PSS MiB",
            "seconds late, median",
            "seconds late, worst",
        ),
    ),
    "workers": Benchmark(
        what="One, two and four workers on one database, 8 slots together",
        sizes=(64,),
        variants=tuple((*PREFORK, "--workers", str(n)) for n in (1, 2, 4)),
        **END_TO_END,
    ),
}


def measure(command: list[str]) -> dict:
    """Runs one case in a process of its own and returns its row."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    row = json.loads(done.stdout.splitlines()[-1])
    if "ideal seconds" in row:
        row["seconds per device"] = round(row["seconds"] / row["devices"], 4)
        row["devices per minute"] = round(60 * row["devices"] / row["seconds"], 1)
    return row


def run(name: str, options: argparse.Namespace) -> None:
    """Measures one benchmark, shows and saves it."""
    benchmark = BENCHMARKS[name]
    where, raw = report.machine(), []
    for repetition in range(options.repeat):
        for command in benchmark.commands(options.sizes):
            print(f"[{repetition + 1}]", *command[1:], file=sys.stderr, flush=True)
            raw.append(measure(command))
    rows = report.medians(raw, benchmark.keys)
    growth = report.growth(rows, benchmark.keys[0], benchmark.cost, benchmark.keys[1:])
    report.show(benchmark.what, rows)
    report.show(f"Growth of {benchmark.cost}", growth)
    found = {"machine": where, "medians": rows, "growth": growth, "raw": raw}
    report.save(options.out, name, found)
    columns = (*benchmark.keys, *benchmark.shown)
    report.table(options.out / f"{name}.csv", rows, columns)
    curves = list(benchmark.keys[1:])
    path = options.out / f"{name}.svg"
    report.plot(path, rows, benchmark.keys[0], benchmark.plots, curves)


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="./benchmarks/run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--sizes", type=int, nargs="+", help="instead of the usual")
    parser.add_argument("--repeat", type=int, default=3, help="the median counts")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the files")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    for name in options.names or BENCHMARKS:
        run(name, options)


if __name__ == "__main__":
    main()
