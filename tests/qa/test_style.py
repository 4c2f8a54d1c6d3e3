"""Every check of the project's own rules, one test each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "openwisp_firmware_upgrader"


def run(*command: str, **env: str) -> str:
    """Runs a tool of this environment; its output is the failure."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_ruff_finds_nothing():
    run("ruff", "check", ".")


def test_code_is_formatted():
    run("ruff", "format", "--check", ".")


def test_imports_point_down_only():
    command = "from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_types():
    run("mypy", "--cache-dir", ".work/mypy", "-p", PACKAGE)


@pytest.mark.parametrize("sample", ["0", "1"])
def test_migrations_are_complete(sample):
    env = {"TESTING": "1", "SAMPLE_APP": sample, "PYTHONPATH": f"{ROOT}/tests"}
    done = subprocess.run(
        [sys.executable, "tests/manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes detected" in done.stdout


def test_messages_can_be_extracted(tmp_path):
    files = sorted(str(path) for path in (ROOT / PACKAGE).rglob("*.py"))
    catalogue = tmp_path / "messages.pot"
    command = ["xgettext", "--from-code=UTF-8", "-L", "Python", "-o", str(catalogue)]
    names = ["-k_", "-kgettext", "-kgettext_lazy", "-kngettext:1,2"]
    done = subprocess.run(
        [*command, *names, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    assert catalogue.read_text().count("msgid") > 50


def test_documentation_builds(tmp_path):
    options = ["-W", "--keep-going", "-q", "-b", "html"]
    run("sphinx", *options, "docs", str(tmp_path / "html"))
