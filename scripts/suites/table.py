"""The parts of the test suite."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from stack import PostgreSQL, Redis

from .job import ROOT, Job
from .part import Part, Run
from .results import Result

OLDEST_DJANGO = "5.1"
PACKAGE = "openwisp_firmware_upgrader"
SELENIUM = f"{PACKAGE}.tests.test_selenium"
DEFAULT = "not slow and not long and not chaos"
# how often the tests in a browser run
TIMES = int(os.environ.get("REPEAT", "1"))
# two processes at most: more would not fit beside a database
PARALLEL = ["--parallel", str(min(2, os.cpu_count() or 1))]


def unit(job: Job, tests: list[str]) -> Result:
    """The package's own tests on SpatiaLite."""
    return job.django(tests or [PACKAGE, *PARALLEL])


def light(job: Job, tests: list[str]) -> Result:
    """The same, for minutes: those that take seconds each are left out."""
    return job.django(tests or [PACKAGE, "--exclude-tag=heavy", "--parallel=auto"])


def sample(job: Job, tests: list[str]) -> Result:
    """The same tests with swapped models, on the oldest Django that is supported."""
    place = ROOT / ".work" / f"django{OLDEST_DJANGO}"
    if not (place / "django").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        wanted = f"django=={OLDEST_DJANGO}.*"
        if job.execute([*pip, "--target", str(place), wanted]):
            raise RuntimeError(f"pip could not install {wanted}")
    return job.django(tests or PARALLEL, SAMPLE_APP="1", PYTHONPATH=str(place))


def unit_postgres(job: Job, tests: list[str]) -> Result:
    """The package's own tests on PostgreSQL."""
    server = PostgreSQL(job.new_folder())
    try:
        return job.django(tests or [PACKAGE, *PARALLEL], **server.env)
    finally:
        server.stop()


def of(*folders: str, marks: str = DEFAULT, options: Sequence[str] = ()) -> Run:
    """Returns what runs pytest on some folders of ``tests/``."""

    def run(job: Job, tests: list[str]) -> Result:
        everything = ["-m", marks, *(f"tests/{folder}" for folder in folders)]
        return job.pytest([*options, *(tests or everything)])

    return run


def all_seeds(job: Job, tests: list[str]) -> Result:
    """Every seed of random faults, one after the other."""
    select = ["-k", "every_claim or every_fault", "tests/chaos_tests"]
    return job.pytest(["-v", *(tests or select)])


def browser(job: Job, tests: list[str]) -> Result:
    """Tests in Chromium, as often as ``REPEAT`` says; a line for each time."""
    if tests:
        run = pages if "::" in tests[0] else selenium
        return run(job, tests)
    total = Result()
    lines = []
    for number in range(1, TIMES + 1):
        started = time.monotonic()
        both = Result()
        both.add(pages(job, tests))
        both.add(selenium(job, tests))
        sums = f"{both.passed} passed, {both.failed} failed, {both.skipped} skipped"
        lines.append(f"{number} of {TIMES}: {sums}, {time.monotonic() - started:.0f} s")
        total.add(both)
    for line in lines:
        job.print_line(line)
    return total


pages = of("browser_tests")


def selenium(job: Job, tests: list[str]) -> Result:
    """The package's own tests in a browser: real Redis, a database in a file."""
    folder = job.new_folder()
    redis = Redis(folder)
    try:
        database = {"FIRMWARE_SQLITE_TEST_NAME": str(folder / "browser.db")}
        return job.django(tests or [SELENIUM], **redis.env, **database)
    finally:
        redis.stop()


# what is run while one works
QUICK = Part("quick", "the package's tests on SpatiaLite but the heavy ones", light)
# lanes: those that compute, those that wait for devices, those with clients
DJANGO, DEVICES, PAGES = "django", "devices", "pages"
PARTS = (
    Part("qa", "style, layers, ceilings, migrations, docs, types", of("qa"), DJANGO),
    Part(
        "runner", "the rules of ./runtests", of("runner_tests"), PAGES, real_clock=True
    ),
    Part(
        "sample",
        "the package's tests on SpatiaLite, swapped, Django 5.1",
        sample,
        DJANGO,
    ),
    Part(
        "unit-postgres", "the same on PostgreSQL, newest Django", unit_postgres, DJANGO
    ),
    Part(
        "fleet",
        "the simulated fleet itself",
        of("fleet_tests"),
        DEVICES,
        real_clock=True,
    ),
    Part(
        "device", "upgrades over real SSH", of("device_tests"), DEVICES, real_clock=True
    ),
    Part(
        "worker",
        "real Celery workers, killed",
        of("worker_tests"),
        DEVICES,
        real_clock=True,
    ),
    Part(
        "compat",
        "a database of 1.3.1 becomes ours",
        of("compat_tests"),
        PAGES,
        real_clock=True,
    ),
    Part(
        "storage",
        "images as files and on S3",
        of("storage_tests"),
        PAGES,
        real_clock=True,
    ),
    Part("api", "who may what, OpenAPI, live events", of("api_tests"), PAGES),
    Part(
        "browser",
        "the admin in Chromium, REPEAT=10 repeats it",
        browser,
        PAGES,
        real_clock=True,
        minutes=40 * TIMES,
    ),
    Part(
        "chaos-short",
        "ten seeds of random faults",
        of("chaos_tests"),
        DEVICES,
        real_clock=True,
    ),
)
# it takes both cores for longer than all else: a part of its own
NO_FUZZ = ["--ignore=tests/api_tests/fuzz"]
SLOW = (
    Part(
        "slow-packaging",
        "the wheel, pages followed word by word",
        of("packaging_tests", marks="slow"),
        DJANGO,
        real_clock=True,
    ),
    Part(
        "slow-devices",
        "many faults and races with real workers",
        of("device_tests", "worker_tests", marks="slow"),
        DEVICES,
        real_clock=True,
    ),
    Part(
        "slow-fuzz",
        "20,000 random requests of each role",
        of("api_tests/fuzz", marks="slow"),
        PAGES,
    ),
    Part(
        "slow-api",
        "hostile clients",
        of("api_tests", marks="slow and not long", options=NO_FUZZ),
        DJANGO,
    ),
    Part(
        "slow-chaos",
        "what happens without a safeguard",
        of("chaos_tests", marks="slow"),
        DEVICES,
        real_clock=True,
    ),
)
LONG_FOLDERS = ("worker_tests", "api_tests", "packaging_tests")
LONG = (
    # sample and unit-postgres find nearly all of it as well
    Part("unit", "the package's tests on SpatiaLite, newest Django", unit),
    Part(
        "long",
        "thousands of devices, hundreds of clients, an hour or two",
        of(*LONG_FOLDERS, marks="long", options=["--timeout=0"]),
        real_clock=True,
        minutes=240,
    ),
)
CHAOS = (
    Part(
        "chaos",
        "all 200 seeds, an hour or two",
        all_seeds,
        real_clock=True,
        minutes=240,
    ),
)
# what stands for several parts, or is not run by default
GROUPS = {"slow": SLOW, "long": LONG, "chaos": CHAOS}


def only(part: Part, tests: list[str]) -> Part:
    """Returns a part that runs some of its tests.

    Arguments:
        part: which.
        tests: what its runner takes, such as labels; empty for all.
    """
    return replace(part, run=lambda job, again: part.run(job, again or tests))


def choose(names: list[str]) -> list[Part]:
    """Returns the parts by their names, the default ones without any."""
    known = {part.name: (part,) for part in (QUICK, *PARTS, *SLOW, *LONG)} | GROUPS
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"unknown part {unknown[0]}, there are: {', '.join(known)}")
    return [part for name in names for part in known[name]] or list(PARTS)
