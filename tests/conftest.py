"""The sample project with real servers, for all pytest suites."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
for folder in (TESTS.parent, TESTS):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def project():
    """The sample project on PostgreSQL and Redis; this process is its web server."""
    import django
    from stack import Project

    made = Project(os.environ.get("STACK_DB", "postgres"))
    os.environ.update(made.env)
    try:
        django.setup()
        made.migrate()
        yield made
    finally:
        made.stop()
