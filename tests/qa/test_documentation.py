"""What the documentation says is compared with the code."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "openwisp_firmware_upgrader"
READ = sorted(
    set(re.findall(r'"(OPENWISP_[A-Z_]+)"', (PACKAGE / "settings.py").read_text()))
)


def sections(text: str) -> dict[str, str]:
    """Returns the sections of a page by their titles."""
    parts = re.split(r"^(.+)\n([-~=])\2{2,}$", text, flags=re.M)
    return {parts[at]: parts[at + 2] for at in range(1, len(parts) - 2, 3)}


def test_settings_are_read():
    assert len(READ) >= 12


@pytest.mark.parametrize("name", READ)
def test_setting_is_documented_with_type_default_and_effect(name):
    page = sections((DOCS / "user" / "settings.rst").read_text())
    section = page[f"``{name}``"]
    for field in ("Type", "Default", "Effect"):
        found = re.search(rf"^:{field}:\s+\S", section, flags=re.M)
        assert found, f"{field} is missing"


def check(**env: str) -> subprocess.CompletedProcess:
    """Runs ``manage.py check`` with settings of the environment."""
    return subprocess.run(
        [sys.executable, "tests/manage.py", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TESTING": "1", **env},
    )


def test_a_wrong_setting_does_not_keep_the_check_from_telling():
    done = check(FIRMWARE_LEASE="60", FIRMWARE_OPENWRT_SETTINGS='{"reconect_delay": 1}')
    assert done.returncode == 1
    assert "firmware_upgrader.E015" in done.stderr
    assert "firmware_upgrader.E018" in done.stderr
    assert "reconect_delay" in done.stderr
    assert "HINT" in done.stderr


def test_settings_of_the_sample_project_pass():
    done = check()
    assert done.returncode == 0, done.stderr
    assert "firmware_upgrader." not in done.stderr


PAGES = {path: path.read_text() for path in sorted(DOCS.rglob("*.rst"))}
TEXT = "\n".join(PAGES.values())
NAMES = [
    line
    for line in (ROOT / "tests" / "data" / "names.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_documented(name):
    found = re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", TEXT)
    assert found, "say on a page of docs/ what it is for"


def rows(page: str, title: str) -> list[list[str]]:
    """Returns the cells of the first table of a section."""
    table = sections(page)[title].split(".. list-table::", 1)[1]
    entries = re.split(r"^   \* - ", table, flags=re.M)[1:]
    cells = [re.split(r"\n     - ", entry.split("\n\n")[0]) for entry in entries]
    return [[" ".join(cell.split()) for cell in row] for row in cells][1:]


WHERE = rows(
    (DOCS / "developer" / "architecture.rst").read_text(), "Where do I change …"
)


@pytest.mark.parametrize("row", WHERE, ids=lambda row: row[0])
def test_place_of_a_change_exists(row):
    _wish, files, names = row
    paths = re.findall(r"``([^`]+)``", files)
    (name,) = re.findall(r"``([^`]+)``", names)
    assert paths
    for path in paths:
        assert name in (PACKAGE / path).read_text(), f"{name} is not in {path}"


def test_there_are_places_enough():
    wishes = " ".join(row[0] for row in WHERE)
    for word in ("log", "class of faults", "phase"):
        assert word in wishes
    assert len(WHERE) > 20


TROUBLE = PAGES[DOCS / "user" / "troubleshooting.rst"]
MESSAGES = re.findall(
    r"``([^`]{18,})``", "\n".join(re.findall(r"^   \* - (.*)$", TROUBLE, re.M))
)


def squeezed(text: str) -> str:
    """Returns a text without white space; parts of split literals are joined."""
    joined = re.sub(r'"\s*\n\s*"', "", text)
    return re.sub(r"\s+", "", joined).lower()


@pytest.fixture(scope="module")
def code():
    """The whole package as one text."""
    return "".join(squeezed(path.read_text()) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_one_of_ours(message, code):
    assert squeezed(message) in code


def test_messages_are_there():
    assert len(MESSAGES) > 30


GUARDED = """
from django.urls import resolve
for page in ("config/template", "pki/ca", "openwisp_users/user"):
    for path in (f"/admin/{page}/recover/1/", f"/admin/{page}/x/history/1/"):
        print(resolve(path).func.__wrapped__.__func__.__qualname__)
"""


def test_documented_lines_put_the_guard_before_pages_of_other_apps():
    page = sections(PAGES[DOCS / "user" / "security.rst"])
    text = page["Earlier versions and deleted objects"]
    (block,) = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", text)
    lines = "".join(line[4:] or "\n" for line in block.splitlines(keepends=True))
    done = subprocess.run(
        [sys.executable, "tests/manage.py", "shell", "--command", lines + GUARDED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TESTING": "1"},
    )
    assert done.returncode == 0, done.stderr
    names = {f"GuardedVersionsMixin.{name}_view" for name in ("recover", "revision")}
    views = [line for line in done.stdout.splitlines() if line.endswith("_view")]
    assert len(views) == 6
    assert set(views) == names


def test_chart_of_the_layers_is_the_contract():
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw_layers.py"))["drawn"]
    page = (DOCS / "developer" / "architecture.rst").read_text()
    assert "engine            What a worker does" in page
    assert page == drawn(page), "run scripts/draw_layers.py"
