"""Simulated OpenWrt devices behind real SSH and SCP, thousands in one process.

Each device has an address of its own in 127/8 and answers on the same port.
`Fleet` runs in a thread, `FleetProcess` in a process of its own, `FleetClient`
talks to one that runs already. Needs asyncssh (extra ``testing``); the clients
do not.
"""

from __future__ import annotations

from typing import Any

from .client import FleetApi, FleetClient, FleetError
from .process import FleetProcess

__all__ = ["Fleet", "FleetApi", "FleetClient", "FleetError", "FleetProcess"]


def __getattr__(name: str) -> Any:
    if name == "Fleet":
        # asyncssh is needed from here on, and only from here on
        from .in_process import Fleet  # noqa: PLC0415  (asyncssh is an extra)

        return Fleet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
