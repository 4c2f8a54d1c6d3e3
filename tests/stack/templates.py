"""Databases that one of many migrates, and the others copy.

A migration from nothing takes longer than most of the tests that need its tables.
``./runtests`` names a folder for all its parts; without one, everybody migrates.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

FOLDER = "FIRMWARE_TEMPLATES"


class Copied(Protocol):
    """A database that can be copied."""

    kind: str

    def save(self, template: Path) -> None:
        """Copies the database to a template."""

    def load(self, template: Path) -> None:
        """Replaces the database by a copy of a template."""


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Lets all programs that are started meanwhile share their templates."""
    if FOLDER in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="fw", dir="/tmp") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def migrated(database: Copied, migrate: Callable[[], object]) -> None:
    """Migrates an empty database, or copies what somebody else has migrated.

    Arguments:
        database: which.
        migrate: migrates it.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        migrate()
        return
    template = Path(folder) / database.kind
    # who comes meanwhile waits, which is faster than to migrate beside the first
    with template.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if template.exists():
            database.load(template)
            return
        migrate()
        unfinished = template.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        database.save(unfinished)
        unfinished.rename(template)


def copy(source: Path, target: Path) -> None:
    """Copies a file or folder, with its owners."""
    command = ["cp", "-a", "--reflink=auto", str(source), str(target)]
    subprocess.run(command, check=True)
