"""Doubles of OpenWrt devices for the tests of this package and of others.

- `FakeDevice`: an in-memory connector for unit tests, no network;
- `Fleet`: thousands of simulated devices behind real SSH and SCP, in a thread of
  the test (`with Fleet(devices=5) as fleet`), needs the extra ``testing``;
- `FleetProcess`: the same in a process of its own, and `FleetClient`, which talks
  to a running fleet;
- `FAULTS` and `EXPECTED`: what can go wrong and how an upgrade then has to end;
- `make_image`, `write_image`, `make_metadata`, `release_of`: valid images.

Nothing here needs Django or its settings.
"""

from __future__ import annotations

import importlib
from typing import Any

from .expectations import EXPECTED, Expectation
from .fake import FakeConnection, FakeDevice
from .faults import FAULTS, FaultSpec
from .images import make_image, make_metadata, release_of, write_image
from .records import DeviceReport, Ledger

# only these need more than the standard library
_FROM_FLEET = ("Fleet", "FleetClient", "FleetProcess")

__all__ = [
    "EXPECTED",
    "FAULTS",
    "DeviceReport",
    "Expectation",
    "FakeConnection",
    "FakeDevice",
    "FaultSpec",
    "Fleet",
    "FleetClient",
    "FleetProcess",
    "Ledger",
    "make_image",
    "make_metadata",
    "release_of",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name in _FROM_FLEET:
        return getattr(importlib.import_module(f"{__name__}.fleet"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
