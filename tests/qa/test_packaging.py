"""The wheel holds what the package needs at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "hardware/openwrt.csv",
    "migrations/0001_squashed_0017_published_1_3_1.py",
    "migrations/0018_engine.py",
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
