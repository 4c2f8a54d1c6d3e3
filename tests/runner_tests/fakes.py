"""Fake suites: small files of real tests, run by the real runners."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import run_suites  # noqa: E402 scripts/ must be on the path
from suites.part import Part  # noqa: E402 the same

# what a test of a fake suite does
PASSES = "pass"
FAILS = "raise AssertionError('always wrong')"
FAILS_ONCE = """
if first_time('{name}'):
    raise AssertionError('the machine was busy')
"""
HANGS = "time.sleep(600)"  # the hang itself: no test waits for its end
DIES = "os._exit(0)"
HEAD = """
import os, time
from pathlib import Path

FOLDER = Path({folder!r})

def first_time(name):
    flag = FOLDER / f"{{name}}.flag"
    found = not flag.exists()
    flag.touch()
    return found

def note(line):
    with (FOLDER / "diary").open("a") as diary:
        diary.write(line + "\\n")

def wait_for_line(line):
    end = time.monotonic() + 60
    while line not in (FOLDER / "diary").read_text().splitlines():
        assert time.monotonic() < end
        time.sleep(0.02)  # between two looks
"""
PYTEST = """
import pytest
{mark}
def test_{name}(request):
    note("begin {name}")
    try:
        {body}
    finally:
        note("end {name}")
"""
DJANGO = """
from django.test import SimpleTestCase, tag

class Test_{name}(SimpleTestCase):
    {mark}
    def test_{name}(self):
        note("begin {name}")
        {body}
"""


@dataclass
class Outcome:
    """What a run of fake suites came to."""

    code: int
    output: str

    @property
    def last_lines(self) -> list[str]:
        """The summary: all after the last part has ended."""
        lines = self.output.splitlines()
        ends = [number for number, line in enumerate(lines) if " took " in line]
        return lines[ends[-1] + 1 :]

    @property
    def unstable(self) -> list[str]:
        """The list just before the last line."""
        lines = self.last_lines[:-1]
        found = []
        while lines and lines[-1].startswith("unstable "):
            found.insert(0, lines.pop())
        assert not [line for line in lines if line.startswith("unstable ")]
        return found


class Fakes:
    """Makes fake suites and runs them.

    Arguments:
        folder: for their files.
        output: returns what was printed since it was last asked.
    """

    def __init__(self, folder: Path, output) -> None:
        self.folder = folder
        self.output = output

    @property
    def diary(self) -> list[str]:
        """When tests began and ended, in this order."""
        return (self.folder / "diary").read_text().splitlines()

    def pytest(self, name: str, tests: dict[str, str], mark: str = "", **more) -> Part:
        """Returns a part that runs tests with pytest.

        Arguments:
            name: of the part.
            tests: what they do, by name.
            mark: the decorator of each.
            more: attributes of the part.
        """
        file = self._write(f"test_{name}.py", PYTEST, tests, mark)
        options = ["--rootdir", str(self.folder), "-p", "pytest_timeout"]

        def run(job, labels):
            # plugins of others would take most of the time
            env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            return job.pytest([*options, *(labels or [str(file)])], **env)

        return Part(name, "a fake suite", run, **more)

    def django(self, name: str, tests: dict[str, str], mark: str = "", **more) -> Part:
        """Returns a part that runs tests with Django, as :meth:`pytest`."""
        module = f"openwisp_fake_{name}"
        self._write(f"{module}.py", DJANGO, tests, mark)

        def run(job, labels):
            return job.django(labels or [module], PYTHONPATH=str(self.folder))

        return Part(name, "a fake suite", run, **more)

    def _write(self, file_name: str, test: str, tests: dict, mark: str) -> Path:
        file = self.folder / file_name
        text = HEAD.format(folder=str(self.folder))
        for name, does in tests.items():
            body = indent(does.format(name=name).strip(), " " * 8).strip()
            text += test.format(name=name, body=body, mark=mark)
        file.write_text(text)
        return file

    def run(self, *parts: Part, **options) -> Outcome:
        """Runs parts as ``./runtests`` does."""
        self.output()
        code = run_suites.run(list(parts), **options)
        return Outcome(code, self.output())
