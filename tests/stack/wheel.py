"""The package as its users get it: a wheel in a virtual environment of its own.

To be fast, and to work without network, the dependencies come from the environment
that runs the tests, by ``PYTHONPATH``; the package itself comes from the wheel alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from .project import ROOT

LEFT_OUT = shutil.ignore_patterns(".git", ".work", "build", "dist", "*.egg-info")


def run(command: list, folder: Path, **env: str) -> subprocess.CompletedProcess:
    """Runs a command in a folder, where nothing of the checkout is on the path."""
    known = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE", "SAMPLE_APP")
    }
    dependencies = {"PYTHONPATH": sysconfig.get_path("purelib")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**known, **dependencies, **env},
    )


def checked(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """Returns what ended well; RuntimeError with the output of anything else."""
    if done.returncode:
        raise RuntimeError(f"{done.args} failed:\n{done.stdout}{done.stderr}")
    return done


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the checkout and returns its path."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    checked(run([*command, "-o", folder, source], folder))
    shutil.rmtree(source)
    return next(folder.glob("*.whl"))


def make_environment(folder: Path, wheel: Path) -> Path:
    """Makes a virtual environment with the wheel and returns its Python."""
    checked(run([sys.executable, "-m", "venv", folder], folder.parent))
    python = folder / "bin" / "python"
    checked(run([python, "-m", "pip", "install", "-q", "--no-index", wheel], folder))
    return python
