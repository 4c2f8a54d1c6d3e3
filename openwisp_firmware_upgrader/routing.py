"""The websocket routes of the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from django.urls import URLPattern, path, re_path

from .websockets import (
    BatchUpgradeProgressConsumer,
    DeviceUpgradeProgressConsumer,
    UpgradeProgressConsumer,
)

PREFIX = "ws/firmware-upgrader"

Receive: TypeAlias = Callable[[], Awaitable[object]]
Send: TypeAlias = Callable[[Mapping[str, object]], Awaitable[None]]


async def refuse(scope: Mapping[str, object], receive: Receive, send: Send) -> None:
    """Closes a socket before it is accepted, whoever asks."""
    await receive()
    await send({"type": "websocket.close"})


websocket_urlpatterns: list[URLPattern] = [
    path(
        f"{PREFIX}/upgrade-operation/<uuid:operation_id>/",
        UpgradeProgressConsumer.as_asgi(),
    ),
    path(
        f"{PREFIX}/batch-upgrade-operation/<uuid:batch_id>/",
        BatchUpgradeProgressConsumer.as_asgi(),
    ),
    path(
        f"{PREFIX}/device/<uuid:device_id>/",
        DeviceUpgradeProgressConsumer.as_asgi(),
    ),
    # last: channels answers a path without route with a traceback, and what is below
    # the prefix is nobody else's
    re_path(f"^{PREFIX}/", refuse),
]


def get_routes() -> list[URLPattern]:
    """Returns the websocket routes, to be added to those of openwisp-controller."""
    return websocket_urlpatterns
