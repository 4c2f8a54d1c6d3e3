"""Live events over websockets; other code imports from here, the inside may move.

``logger``, ``sync_to_async`` and ``_run_coroutine_safely`` may be replaced here:
the rooms look them up when they need them.
"""

import logging

from asgiref.sync import sync_to_async

from .consumers import (
    BatchUpgradeProgressConsumer,
    DeviceUpgradeProgressConsumer,
    UpgradeProgressConsumer,
)
from .live import connect_live_events
from .publishers import BatchUpgradeProgressPublisher, UpgradeProgressPublisher
from .sockets import AuthenticatedWebSocketConsumer
from .transport import run_coroutine_safely as _run_coroutine_safely

logger = logging.getLogger(__name__)

__all__ = [
    "AuthenticatedWebSocketConsumer",
    "BatchUpgradeProgressConsumer",
    "BatchUpgradeProgressPublisher",
    "DeviceUpgradeProgressConsumer",
    "UpgradeProgressConsumer",
    "UpgradeProgressPublisher",
    "_run_coroutine_safely",
    "connect_live_events",
    "logger",
    "sync_to_async",
]
