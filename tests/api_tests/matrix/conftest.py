"""The objects and users of all tables, and who asks."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="package")
def askers(project):
    """Whoever asks, by table, in a transaction that never ends.

    All roles ask once before users lose rights and organizations are disabled.
    """
    from django.core.cache import cache
    from django.db import transaction

    from . import admin, rest, sockets
    from .situations import Situations

    with transaction.atomic():
        world = Situations("matrix-")
        found = {
            table.__name__.rpartition(".")[2]: table.Asker(world)
            for table in (admin, rest, sockets)
        }
        for asker in found.values():
            asker.begin()
        world.change()
        yield found
        transaction.set_rollback(True)
    # what it tells of memberships was undone
    cache.clear()


@pytest.fixture
def asker(request, askers):
    """Whoever asks for the table of a module."""
    return askers[request.module.TABLE]
