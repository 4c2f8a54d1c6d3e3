"""``./runtests quick`` in a fresh clone, where Debian's packages cannot be had."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from stack.wheel import LEFT_OUT, ROOT, checked

pytestmark = pytest.mark.slow
# as on a system that has SpatiaLite and nothing else of GIS
WITHOUT_GDAL = """
import ctypes.util

find_library = ctypes.util.find_library
ctypes.util.find_library = (
    lambda name: None if name.lower().startswith("gdal") else find_library(name)
)
"""
NOT_THERE = '#!/bin/sh\necho "$0 $*" >>"$(dirname "$0")/asked"\nexit 1\n'
NEEDS_DEBIAN = ("apt-get", "dpkg-query", "sudo")


@pytest.fixture
def clone(tmp_path):
    """Source without environment, and what runs a command in it."""
    source, tools, modules = (tmp_path / name for name in ("source", "bin", "modules"))
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    for folder in (tools, modules):
        folder.mkdir()
    for name in NEEDS_DEBIAN:
        (tools / name).write_text(NOT_THERE)
        (tools / name).chmod(0o755)
    (modules / "sitecustomize.py").write_text(WITHOUT_GDAL)
    env = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(modules),
    }
    for name in ("VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "SAMPLE_APP", "FIRMWARE_DB"):
        env.pop(name, None)

    def run(*command: str | Path) -> subprocess.CompletedProcess:
        words = [str(word) for word in command]
        return subprocess.run(
            words, cwd=source, env=env, capture_output=True, text=True, check=False
        )

    return source, run, tools / "asked"


def test_python_and_spatialite_are_enough(clone):
    source, run, asked = clone
    # a part of a name: all modules are imported, whatever they need is there
    done = checked(run("./runtests", "quick", "-k", "test_dashboard"))
    found = re.search(r"^(\d+) passed, 0 failed$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    assert int(found[1]) > 3
    assert not asked.exists(), asked.read_text()
    python = source / ".work" / "venv" / "bin" / "python"
    code = (
        "import sys; sys.path.insert(0, 'tests'); from openwisp2 import settings;"
        "print(settings.GDAL_LIBRARY_PATH)"
    )
    assert "pyogrio.libs" in checked(run(python, "-c", code)).stdout
    # the second time nothing is installed
    again = checked(
        run("./runtests", "quick", "openwisp_firmware_upgrader.tests.test_proof")
    )
    assert "Installing" not in again.stdout
