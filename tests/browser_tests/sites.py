"""Organizations with firmware and simulated devices, as an operator finds them.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.urls import reverse
from openwisp_users.models import OrganizationUser
from stack import inventory
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.testing import FleetProcess, release_of

numbers = itertools.count(1)


@dataclass
class Site:
    """One organization and what it owns."""

    owner: Any
    firmware: inventory.Firmware
    fleet: FleetProcess
    devices: list

    def page(self, device=None) -> str:
        """Returns the path of a device's page."""
        device = device or self.devices[0]
        return reverse("admin:config_device_change", args=[device.pk])

    def manager(self, group: str = "Administrator"):
        """Returns a new manager of the organization."""
        name = f"manager{next(numbers)}"
        user = get_user_model().objects.create_user(
            username=name, password="x", email=f"{name}@example.org", is_staff=True
        )
        user.groups.add(Group.objects.get(name=group))
        OrganizationUser.objects.create(
            user=user, organization=self.owner, is_admin=True
        )
        return user

    def operation(self, device=None):
        """Returns the newest operation of a device, None without any."""
        device = device or self.devices[0]
        rows = load_model("UpgradeOperation").objects.filter(device=device)
        return rows.order_by("created").last()

    def ended(self, status: str, device=None, seconds: float = 60):
        """Waits until the newest operation has a status; returns it."""

        def look():
            found = self.operation(device)
            return found if found and found.status == status else None

        return wait_for(look, f"an operation with status {status}", seconds, every=0.2)


class Sites:
    """Makes sites and ends their fleets."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Sites:
        return self

    def __exit__(self, *details) -> None:
        # nothing may run on into the next test
        rows = load_model("UpgradeOperation").objects
        rows.filter(status="in-progress").update(
            status="aborted", lease_expires_at=None, next_run_at=None, phase="done"
        )
        self.stack.close()

    def make(
        self,
        devices: int = 1,
        faults: list[str] | None = None,
        size: int = inventory.IMAGE_SIZE,
        link_rate: int = 0,
        shared: bool = False,
    ) -> Site:
        """Returns a new site.

        Arguments:
            devices: number of devices without a fault.
            faults: one further device for each.
            size: of an image in bytes.
            link_rate: of the devices, in bytes per second; 0 = as fast as can be.
            shared: whether the firmware belongs to no organization.
        """
        number = next(numbers)
        owner = inventory.organization(f"Site {self.number}-{number}")
        firmware = inventory.Firmware(
            None if shared else owner, name=f"WDR4300 {self.number}-{number}", size=size
        )
        fleet = FleetProcess(
            devices=0,
            faults=["none"] * devices + (faults or []),
            boot_time=BOOT,
            release=release_of(*inventory.OLD),
        )
        self.stack.callback(fleet.stop)
        if link_rate:
            fleet.set(None, link_rate=link_rate)
        names = [
            f"router-{self.number}-{number}-{row['index']:02}"
            for row in fleet.addresses()
        ]
        made = inventory.register(owner, fleet, firmware.old, names)
        return Site(owner, firmware, fleet, made)
