"""The Celery application without one of the engine's safeguards.

``CHAOS_WITHOUT`` names the safeguard: a suite that finds nothing here would find
nothing anywhere. The package itself has no such switch.
"""

from __future__ import annotations

import os

from celery.signals import worker_init
from openwisp2.celery import app

__all__ = ["app"]


def without_sha256() -> None:
    """Whatever arrived on the device counts as the image."""
    from openwisp_firmware_upgrader.upgraders.openwrt import OpenWrt

    OpenWrt._find_difference = lambda self, path, checksum, size: ""


def without_claim() -> None:
    """A worker begins without taking the lease."""
    from openwisp_firmware_upgrader.state import leases

    def claim(pk, run=None, *, seconds, due_only=True):
        rows = leases.operations().filter(pk=pk, status="in-progress")
        return rows.values_list("runs", flat=True).first()

    leases.claim = claim


def without_boot_id() -> None:
    """Every device counts as rebooted."""
    from openwisp_firmware_upgrader.upgraders.openwrt import proof

    proof._rebooted = lambda before, after: True


def without_fencing() -> None:
    """A worker that lost its lease goes on writing."""
    from openwisp_firmware_upgrader.state import keeper, leases, stop_flag, update

    def guarded(pk, number):
        return leases.operations().filter(pk=pk, status="in-progress")

    update.guarded = guarded
    keeper.Keeper._compare = lambda self, runs: None
    stop_flag.StopFlag.watch_clock = lambda self: None


SAFEGUARDS = {
    "sha256": without_sha256,
    "claim": without_claim,
    "boot_id": without_boot_id,
    "fencing": without_fencing,
}


@worker_init.connect
def remove_safeguard(**kwargs) -> None:
    """Takes the safeguard away before the worker starts its pool."""
    SAFEGUARDS[os.environ["CHAOS_WITHOUT"]]()
