"""The websocket routes of the app."""

from __future__ import annotations

from typing import Any

from django.urls import path

from . import websockets

PREFIX = "ws/firmware-upgrader"

websocket_urlpatterns: list[Any] = [
    path(
        f"{PREFIX}/upgrade-operation/<uuid:operation_id>/",
        websockets.UpgradeProgressConsumer.as_asgi(),
    ),
    path(
        f"{PREFIX}/batch-upgrade-operation/<uuid:batch_id>/",
        websockets.BatchUpgradeProgressConsumer.as_asgi(),
    ),
    path(
        f"{PREFIX}/device/<uuid:device_id>/",
        websockets.DeviceUpgradeProgressConsumer.as_asgi(),
    ),
]


def get_routes() -> list[Any]:
    """Returns the websocket routes, to be added to those of openwisp-controller."""
    return websocket_urlpatterns
