"""Upgrades devices that run OpenWrt; import ``OpenWrt`` from here."""

from ...exceptions import (
    FirmwareUpgradeOptionsException,
    ReconnectionFailed,
    RecoverableFailure,
    UpgradeAborted,
    UpgradeCancelled,
    UpgradeNotNeeded,
)
from ...settings import OPENWRT_SETTINGS
from ...statuses import UpgradeProgress
from .upgrader import OpenWrt

__all__ = [
    "OPENWRT_SETTINGS",
    "FirmwareUpgradeOptionsException",
    "OpenWrt",
    "ReconnectionFailed",
    "RecoverableFailure",
    "UpgradeAborted",
    "UpgradeCancelled",
    "UpgradeNotNeeded",
    "UpgradeProgress",
]
