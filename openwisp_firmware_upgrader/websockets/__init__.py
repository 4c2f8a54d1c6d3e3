"""Live events over websockets; other code imports from here, the inside may move."""

from .consumers import (
    AuthenticatedWebSocketConsumer,
    BatchUpgradeProgressConsumer,
    DeviceUpgradeProgressConsumer,
    UpgradeProgressConsumer,
)
from .live import connect_live_events
from .publishers import BatchUpgradeProgressPublisher, UpgradeProgressPublisher
from .transport import run_coroutine_safely as _run_coroutine_safely

__all__ = [
    "AuthenticatedWebSocketConsumer",
    "BatchUpgradeProgressConsumer",
    "BatchUpgradeProgressPublisher",
    "DeviceUpgradeProgressConsumer",
    "UpgradeProgressConsumer",
    "UpgradeProgressPublisher",
    "_run_coroutine_safely",
    "connect_live_events",
]
