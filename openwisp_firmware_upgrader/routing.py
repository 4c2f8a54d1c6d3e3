"""The websocket routes of the app."""

from __future__ import annotations

from typing import Any

websocket_urlpatterns: list[Any] = []


def get_routes() -> list[Any]:
    """Returns the websocket routes, to be added to those of openwisp-controller."""
    return websocket_urlpatterns
