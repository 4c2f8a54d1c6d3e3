"""A web server of the sample project."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def web(project):
    """Daphne, with the database and the Redis of the project."""
    from stack import Web

    server = Web(project)
    yield server
    server.stop()
