"""The names that others import are there, and are called as they were.

``python scripts/record_names.py`` writes the list anew, with the signatures of today.
"""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import record_names as names  # noqa: E402 scripts/ must be on the path

PROMISED = names.promised()
PUBLISHED = names.published()
LEFT_OUT = names.rows(names.LEFT_OUT)
MODULES = sorted({module for module, _ in PROMISED})
# cannot be imported where they are swapped
CONCRETE = "models"


def what_there_is(sample: str) -> dict[names.Name, str]:
    """Returns what each name is in a process of its own."""
    done = subprocess.run(
        [sys.executable, "scripts/record_names.py", "--print"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TESTING": "1", "SAMPLE_APP": sample},
    )
    assert done.returncode == 0, done.stderr
    cells = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return {(module, name): text for module, name, text in cells}


@pytest.fixture(scope="module")
def now():
    """What there is with our own models."""
    return what_there_is("0")


@pytest.fixture(scope="module")
def swapped():
    """What there is with the models of the sample app."""
    return what_there_is("1")


@pytest.mark.parametrize("module", MODULES)
def test_names_are_what_they_were(module, now):
    changed = [
        f"{name}: {text} was promised, now: {now[place, name]}"
        for (place, name), text in PROMISED.items()
        if place == module and now[place, name] != text
    ]
    assert not changed, "\n".join(changed)


@pytest.mark.parametrize("module", [one for one in MODULES if one != CONCRETE])
def test_names_are_there_with_swapped_models(module, swapped):
    gone = [
        name
        for place, name in PROMISED
        if place == module and swapped[place, name] == names.MISSING
    ]
    assert not gone, "\n".join(gone)


def test_each_name_of_the_published_version_is_promised_or_left_out():
    promised = set(PROMISED)
    neither = [one for one in PUBLISHED if one not in promised]
    neither = [one for one in neither if not names.is_left_out(*one)]
    assert neither == []
    assert [one for one in promised if names.is_left_out(*one)] == []
    assert len(PUBLISHED) > 1700


@pytest.mark.parametrize("row", LEFT_OUT, ids=lambda row: f"{row[0]}.{row[1]}")
def test_what_is_left_out_does_not_exist(row, now):
    place, pattern, reason = row
    concerned = [
        (module, name)
        for module, name in PUBLISHED
        if module == place and fnmatchcase(name, pattern)
    ]
    assert concerned, "1.3.1 has no such name"
    assert len(reason.split()) > 2, "say why"
    assert [one for one in concerned if now[one] != names.MISSING] == []


def test_names_that_pages_import_are_promised():
    shown = names.imported()
    assert len(shown) > 25
    assert sorted(shown - set(PROMISED)) == [], "run scripts/record_names.py"
