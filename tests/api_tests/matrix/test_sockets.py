"""Every socket, role and kind of object has the answer of the table.

``MATRIX_WRITE=1`` writes the table anew; read it line by line afterwards.
"""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.real_clock]
TABLE = "sockets"
# seconds between two looks of a socket
LOOK_EVERY = 0.02


async def keep():
    """Closes no connection to the database."""


@pytest.fixture
def looking(asker, monkeypatch):
    """Sockets that look often, each look counted."""
    from channels import consumer
    from channels.generic import websocket
    from django.test import override_settings

    from openwisp_firmware_upgrader import websockets
    from openwisp_firmware_upgrader.websockets import sockets

    monkeypatch.setattr(sockets, "LOOK_EVERY", LOOK_EVERY)
    # Django's test client keeps the transaction open in the same way
    for room in (consumer, websocket):
        monkeypatch.setattr(room, "aclose_old_connections", keep)
    for kind in (
        websockets.UpgradeProgressConsumer,
        websockets.BatchUpgradeProgressConsumer,
        websockets.DeviceUpgradeProgressConsumer,
    ):
        monkeypatch.setattr(kind, "catch_up", asker.count(kind.catch_up))
    layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    with override_settings(CHANNEL_LAYERS=layers):
        yield asker


def test_every_socket_is_in_the_table(asker):
    from . import sockets

    sockets.TABLE.check_rows(sockets.cells())
    assert set(sockets.KINDS) == set(filter(None, sockets.routes()))


def test_every_cell(looking):
    from asgiref.sync import async_to_sync

    from . import sockets

    async def row(key):
        return [await looking.ask(role, *key) for role in sockets.ROLES]

    async def table():
        return {key: await row(key) for key in sockets.cells()}

    sockets.TABLE.check(async_to_sync(table)())
