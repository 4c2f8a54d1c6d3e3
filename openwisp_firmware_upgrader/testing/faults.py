"""Faults of simulated devices, by name.

A fault is a set of attributes of `Device`: tests may also set the attributes
themselves. A fault holds for every attempt unless its name says once; the two
``link_down`` faults happen once by nature, a link that never works is
``never_back``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FaultSpec:
    """What a fault is called, what happens, and how the device is set up.

    ``reports_address`` is True where the test or the demo has to tell the
    server the new address of a device that moved.
    """

    name: str
    description: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reports_address: bool = False


_SPECS = (
    FaultSpec("none", "nothing goes wrong"),
    FaultSpec(
        "wrong_uuid",
        "another device answers at the address",
        {"reports_uuid": "00000000-0000-4000-8000-00000000dead"},
    ),
    FaultSpec(
        "low_memory",
        "not enough memory, not even after services were stopped",
        {"mem_available_kib": 20, "service_memory_kib": 0},
    ),
    FaultSpec(
        "no_wifi_command",
        "/sbin/wifi is missing and services have to be stopped for memory",
        {
            "mem_available_kib": 20,
            "service_memory_kib": 8192,
            "wifi_command": False,
        },
    ),
    FaultSpec(
        "full_tmp",
        "enough memory, but /tmp has 16 KiB left",
        {"tmp_occupied": True},
    ),
    FaultSpec(
        "bad_image", "sysupgrade --test refuses every image", {"refuses_test": True}
    ),
    FaultSpec(
        "truncated_upload",
        "the last quarter of each upload is lost in silence",
        {"upload_fault": "truncated"},
    ),
    FaultSpec(
        "dropped_upload_once",
        "the connection is reset in the middle of the first upload",
        {"upload_fault": "dropped_once"},
    ),
    FaultSpec("slow_link", "uploads arrive at 100 kB/s", {"link_rate": 100_000}),
    FaultSpec(
        "link_down_in_upload",
        "in the middle of the first upload the link dies without FIN, for "
        "link_down_time seconds; connections of before stay dead",
        {"upload_fault": "silent_once"},
    ),
    FaultSpec(
        "link_down_after_flash",
        "the flash command arrives, then the link is dead until the new boot",
        {"flash_fault": "silent"},
    ),
    FaultSpec(
        "scp_never_exits",
        "scp confirms the file and never ends",
        {"upload_fault": "never_exits"},
    ),
    FaultSpec(
        "no_final_answer",
        "scp gets the whole file and does not confirm it",
        {"upload_fault": "unconfirmed"},
    ),
    FaultSpec("refuses", "the flash command is refused", {"flash_fault": "refuses"}),
    FaultSpec(
        "hang_in_sysupgrade",
        "the flash command never returns and nothing is flashed",
        {"flash_fault": "hangs"},
    ),
    FaultSpec(
        "never_reboots",
        "the flash command answers as on success and nothing happens",
        {"flash_fault": "ignored"},
    ),
    FaultSpec(
        "never_back",
        "the device is never seen after the flash",
        {"flash_fault": "never_back"},
    ),
    FaultSpec(
        "back_with_old_firmware",
        "the device reboots into the firmware it had",
        {"flash_fault": "old_firmware"},
    ),
    FaultSpec(
        "back_at_other_address",
        "the device comes back at another address nobody reports",
        {"flash_fault": "other_address"},
    ),
    FaultSpec(
        "back_at_other_address_reported",
        "the device comes back at another address and reports it",
        {"flash_fault": "other_address"},
        reports_address=True,
    ),
)

#: Every fault by name.
FAULTS: dict[str, FaultSpec] = {spec.name: spec for spec in _SPECS}


def fault_named(name: str) -> FaultSpec:
    """Return the fault ``name``; raises `ValueError` that lists the names."""
    try:
        return FAULTS[name]
    except KeyError:
        known = ", ".join(FAULTS)
        raise ValueError(f"no fault {name!r}, there are: {known}") from None
