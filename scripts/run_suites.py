"""Runs the parts of the test suite one after the other and adds up their numbers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import lanes  # noqa: E402 beside this program
from counts import (  # noqa: E402 the same
    NUMBERS,
    Total,
    checked,
    of_django,
    of_pytest,
)
from stack import PostgreSQL, Redis  # noqa: E402 tests/ must be on the path

OLDEST_DJANGO = "5.1"
Counts = dict[str, Any]
PACKAGE = "openwisp_firmware_upgrader"
SELENIUM = f"{PACKAGE}.tests.test_selenium"
DEFAULT = "not slow and not long and not chaos"
# two processes at most: more would not fit beside a database
PARALLEL = ["--parallel", str(min(2, os.cpu_count() or 1))]


@dataclass(frozen=True)
class Part:
    """One part of the suite.

    Attributes:
        name: what ``./runtests`` calls it.
        what: what it checks.
        run: runs it with a folder of its own.
        lane: parts of different lanes run at the same time.
    """

    name: str
    what: str
    run: Callable[[Path], Counts]
    lane: str = ""


def execute(command: list[str], **env: str) -> int:
    """Runs a command in the root of the project and returns its exit code."""
    environment = {**os.environ, **env}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def django(labels: list[str], folder: Path, **env: str) -> Counts:
    """Runs Django's test runner."""
    counts = folder / "counts.json"
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "runtests.py"]
    env = {"COUNTS_FILE": str(counts), "TESTING": "1", **env}
    code = execute([*command, *labels], **env)
    return of_django(counts, code)


def pytest(arguments: list[str], folder: Path, **env: str) -> Counts:
    """Runs pytest."""
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
    ]
    code = execute([*command, f"--junitxml={report}", *arguments], **env)
    return of_pytest(report, code)


def unit(folder: Path) -> Counts:
    """The package's own tests on SpatiaLite."""
    return django([PACKAGE, *PARALLEL], folder)


def sample(folder: Path) -> Counts:
    """The same tests with the swapped models of the sample app."""
    return django(PARALLEL, folder, SAMPLE_APP="1")


def unit_postgres(folder: Path) -> Counts:
    """The package's own tests on PostgreSQL."""
    server = PostgreSQL(folder)
    try:
        return django([PACKAGE, *PARALLEL], folder, **server.env)
    finally:
        server.stop()


def of(*paths: str, marks: str = DEFAULT) -> Callable[[Path], Counts]:
    """Returns what runs pytest on the given paths."""

    def run(folder: Path) -> Counts:
        return pytest(["-m", marks, *(f"tests/{path}" for path in paths)], folder)

    return run


def all_seeds(folder: Path) -> Counts:
    """Every seed of random faults, one after the other."""
    select = ["-k", "every_claim or every_fault", "tests/chaos_tests"]
    return pytest([*select, "-v"], folder)


def browser(folder: Path) -> Counts:
    """Tests in Chromium, as often as ``REPEAT`` says; a line for each time."""
    times = int(os.environ.get("REPEAT", "1"))
    total = Total()
    lines = []
    for number in range(1, times + 1):
        started = time.monotonic()
        here = folder / str(number)
        here.mkdir()
        both = of("browser_tests")(here), selenium(here)
        for counts in both:
            total.add(str(number), counts)
        sums = ", ".join(
            f"{sum(counts[name] for counts in both)} {name}" for name in NUMBERS
        )
        took = time.monotonic() - started
        lines.append(f"{number} of {times}: {sums}, {took:.0f} s")
    print(*lines, sep="\n", flush=True)
    return dataclasses.asdict(total)


def selenium(folder: Path) -> Counts:
    """The package's own tests in a browser: real Redis, a database in a file."""
    redis = Redis(folder)
    try:
        database = {"FIRMWARE_SQLITE_TEST_NAME": str(folder / "browser.db")}
        return django([SELENIUM], folder, **redis.env, **database)
    finally:
        redis.stop()


def older(folder: Path) -> Counts:
    """The package's own tests on the oldest Django that is supported."""
    place = ROOT / ".work" / f"django{OLDEST_DJANGO}"
    if not (place / "django").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        wanted = f"django=={OLDEST_DJANGO}.*"
        if execute([*pip, "--target", str(place), wanted]):
            return checked(None, 1)
    return django([PACKAGE, *PARALLEL], folder, PYTHONPATH=str(place))


# lanes: those that compute, those that wait for devices, those with clients
DJANGO, DEVICES, PAGES = "django", "devices", "pages"
PARTS = (
    Part("qa", "style, layers, ceilings, migrations, docs, types", of("qa"), DJANGO),
    Part("unit", "the package's tests on SpatiaLite", unit, DJANGO),
    Part("sample", "the same with swapped models", sample, DJANGO),
    Part("unit-postgres", "the same on PostgreSQL", unit_postgres, DJANGO),
    Part("fleet", "the simulated fleet itself", of("fleet_tests"), DEVICES),
    Part("device", "upgrades over real SSH", of("device_tests"), DEVICES),
    Part("worker", "real Celery workers, killed", of("worker_tests"), DEVICES),
    Part("compat", "a database of 1.3.1 becomes ours", of("compat_tests"), DJANGO),
    Part("storage", "images as files and on S3", of("storage_tests"), PAGES),
    Part("api", "who may what, OpenAPI, live events", of("api_tests"), PAGES),
    Part("browser", "the admin in Chromium, REPEAT=10 repeats it", browser, PAGES),
    Part("chaos-short", "ten seeds of random faults", of("chaos_tests"), DEVICES),
)
SLOW = (
    Part("slow-django", "the package's tests on Django 5.1", older, DJANGO),
    Part(
        "slow-packaging",
        "the wheel, pages followed word by word",
        of("packaging_tests", marks="slow"),
        DJANGO,
    ),
    Part(
        "slow-devices",
        "many faults and races with real workers",
        of("device_tests", "worker_tests", marks="slow"),
        DEVICES,
    ),
    Part(
        "slow-api",
        "hostile clients, crowds, thousands of requests",
        of("api_tests", marks="slow"),
        DEVICES,
    ),
    Part("slow-chaos", "more seeds", of("chaos_tests", marks="slow"), PAGES),
)
LONG = (
    Part(
        "long",
        "thousands of devices, an hour or two",
        of("worker_tests", "packaging_tests", marks="long"),
    ),
)
CHAOS = (Part("chaos", "all 200 seeds, an hour or two", all_seeds),)
# what stands for several parts, or is not run by default
GROUPS = {"slow": SLOW, "long": LONG, "chaos": CHAOS}


def chosen(names: list[str]) -> list[Part]:
    """Returns the parts by their names, the default ones without any."""
    known = {part.name: (part,) for part in (*PARTS, *SLOW)} | GROUPS
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"unknown part {unknown[0]}, there are: {', '.join(known)}")
    return [part for name in names for part in known[name]] or list(PARTS)


def run_one_by_one(parts: list[Part]) -> Total:
    """Runs parts one after the other."""
    total = Total()
    for number, part in enumerate(parts, start=1):
        print(f"=== {number} of {len(parts)}: {part.name}, {part.what}", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="fw", dir="/tmp") as folder:
            total.add(part.name, part.run(Path(folder)))
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        print(f"=== {part.name} took {minutes}:{seconds:02d}", flush=True)
    return total


def run_in_lanes(parts: list[Part]) -> Total:
    """Runs the lanes of some parts at the same time, a process for each."""
    names: dict[str, list[str]] = {}
    for part in parts:
        names.setdefault(part.lane, []).append(part.name)
    total = Total()
    for lane, counts in lanes.run([sys.executable, __file__], names).items():
        if counts is None:
            total.add(lane, checked(None, 1))
            continue
        broken = counts.pop("broken")
        total.add(lane, counts)
        total.broken = [name for name in total.broken if name != lane] + broken
    return total


def main(arguments: list[str]) -> int:
    """Runs the parts named by ``arguments``."""
    parser = argparse.ArgumentParser(prog="runtests", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part")
    parser.add_argument("--list", action="store_true", help="names the parts")
    parser.add_argument("--counts", type=Path, help="file for the numbers, as JSON")
    options = parser.parse_args(arguments)
    if options.list:
        for part in (*PARTS, *SLOW, *LONG, *CHAOS):
            print(f"{part.name:14} {part.what}")
        return 0
    parts = chosen(options.parts)
    alone = set(options.parts) - set(GROUPS)
    together = not alone and len({part.lane for part in parts}) > 1
    total = run_in_lanes(parts) if together else run_one_by_one(parts)
    if options.counts:
        options.counts.write_text(json.dumps(dataclasses.asdict(total)))
    total.say()
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
