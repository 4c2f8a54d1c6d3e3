"""Runs the parts of the test suite one after the other and adds up their numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from stack import PostgreSQL  # noqa: E402 tests/ must be on the path

Counts = dict[str, int]


@dataclass(frozen=True)
class Part:
    """One part of the suite: what runs it, and whether it runs by default."""

    name: str
    what: str
    run: Callable[[Path], Counts]
    slow: bool = False


@dataclass
class Total:
    """The numbers of all parts so far."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, name: str, counts: Counts) -> None:
        """Adds the numbers of one part."""
        self.passed += counts["passed"]
        self.failed += counts["failed"]
        self.skipped += counts["skipped"]
        if counts["failed"]:
            self.broken.append(name)


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
    return checked(json.loads(counts.read_text()) if counts.exists() else None, code)


def checked(counts: Counts | None, code: int) -> Counts:
    """Returns the numbers; a runner that died without any counts as one failure."""
    counts = counts or {"passed": 0, "failed": 0, "skipped": 0}
    if code and not counts["failed"]:
        counts["failed"] = 1
    return counts


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
    if not report.exists():
        return checked(None, code or 1)
    suite = next(ET.parse(report).getroot().iter("testsuite"))
    number = {name: int(suite.get(name, 0)) for name in ("tests", "skipped")}
    bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    passed = number["tests"] - number["skipped"] - bad
    counts = {"passed": passed, "failed": bad, "skipped": number["skipped"]}
    return checked(counts, code)


def unit(folder: Path) -> Counts:
    """The package's own tests on SpatiaLite."""
    return django(["openwisp_firmware_upgrader"], folder)


def sample(folder: Path) -> Counts:
    """The same tests with the swapped models of the sample app."""
    return django([], folder, SAMPLE_APP="1")


def unit_postgres(folder: Path) -> Counts:
    """The package's own tests on PostgreSQL."""
    server = PostgreSQL(folder)
    try:
        return django(["openwisp_firmware_upgrader"], folder, **server.env)
    finally:
        server.stop()


def of(*paths: str, marks: str = "not slow") -> Callable[[Path], Counts]:
    """Returns what runs pytest on the given paths."""

    def run(folder: Path) -> Counts:
        return pytest(["-m", marks, *(f"tests/{path}" for path in paths)], folder)

    return run


PARTS = (
    Part("qa", "style, layers, ceilings, migrations, docs, types", of("qa")),
    Part("unit", "the package's tests on SpatiaLite", unit),
    Part("sample", "the same with swapped models", sample),
    Part("unit-postgres", "the same on PostgreSQL", unit_postgres),
    Part("fleet", "the simulated fleet itself", of("fleet_tests")),
    Part("device", "upgrades over real SSH", of("device_tests")),
    Part("worker", "real Celery workers, killed", of("worker_tests")),
    Part(
        "slow",
        "what does not fit into the default run",
        of("device_tests", "worker_tests", marks="slow"),
        slow=True,
    ),
)


def chosen(names: list[str]) -> list[Part]:
    """Returns the parts by their names, the default ones without any."""
    known = {part.name: part for part in PARTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"unknown part {unknown[0]}, there are: {', '.join(known)}")
    if names:
        return [known[name] for name in names]
    return [part for part in PARTS if not part.slow]


def main(arguments: list[str]) -> int:
    """Runs the parts named by ``arguments``."""
    if "--list" in arguments:
        for part in PARTS:
            print(f"{part.name:14} {part.what}")
        return 0
    total = Total()
    parts = chosen(arguments)
    for number, part in enumerate(parts, start=1):
        print(f"=== {number} of {len(parts)}: {part.name}, {part.what}", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="fw", dir="/tmp") as folder:
            total.add(part.name, part.run(Path(folder)))
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        print(f"=== {part.name} took {minutes}:{seconds:02d}", flush=True)
    if total.skipped:
        print(f"{total.skipped} skipped, their reasons stand above")
    if total.broken:
        print(f"Failed parts: {', '.join(total.broken)}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
