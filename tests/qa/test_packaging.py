"""The wheel holds what the package needs at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "hardware/openwrt.csv",
    "migrations/0001_squashed_0017_published_1_3_1.py",
    "migrations/0018_engine.py",
    "migrations/0019_log_times.py",
    "py.typed",
    "testing/fleet/__main__.py",
    "tests/base.py",
)


def test_wheel_is_complete(tmp_path):
    # built from a copy: setuptools leaves its folders beside setup.py
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".git", ".work", "build", "dist")
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("openwisp_firmware_upgrader-1.4.0a0-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [n for n in NEEDED if f"openwisp_firmware_upgrader/{n}" not in names]
    assert not missing
    assert not [name for name in names if name.startswith("tests/")]


def test_sdist_holds_what_is_under_version_control():
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows what is under version control")
    done = subprocess.run(
        [sys.executable, "-m", "check_manifest", "--no-build-isolation"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nox_knows_every_python_and_django():
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for python in ("3.10", "3.11", "3.12", "3.13"):
        for django in ("5.1", "5.2"):
            assert f"tests-{python}(django='{django}')" in done.stdout
