"""The sample project with a real worker for tests over real SSH."""

from __future__ import annotations

import os

import django
import pytest
from stack import Project


@pytest.fixture(scope="session")
def project():
    """The sample project on PostgreSQL and Redis; this process is its web server."""
    made = Project(os.environ.get("STACK_DB", "postgres"))
    os.environ.update(made.env)
    try:
        django.setup()
        made.manage("migrate", "-v0")
        yield made
    finally:
        made.stop()
