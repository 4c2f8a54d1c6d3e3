"""Live events over websockets; other code imports from here, the inside may move.

``logger`` and ``sync_to_async`` may be replaced here: the rooms look them up when
they need them.
"""

import logging

from asgiref.sync import sync_to_async

from ..live.publishers import BatchUpgradeProgressPublisher, UpgradeProgressPublisher
from ..live.receivers import connect_live_events
from ..live.transport import run_coroutine_safely as _run_coroutine_safely
from .consumers import (
    BatchUpgradeProgressConsumer,
    DeviceUpgradeProgressConsumer,
    UpgradeProgressConsumer,
)
from .sockets import AuthenticatedWebSocketConsumer

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
