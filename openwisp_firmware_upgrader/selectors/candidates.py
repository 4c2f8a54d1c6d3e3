"""What a mass upgrade would do, counted and listed before it is launched.

The devices come from the selectors that the launch uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    Expression,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from swapper import load_model as load_any_model

from ..protocols import Build, Device, DeviceFirmware, Owned, Row, User
from ..statuses import OperationStatus
from ..swapper import load_model
from . import access
from .devices import dry_run

KINDS = ("ready", "running", "without_credentials", "without_image", "offline")


@dataclass
class Overview:
    """How many devices a mass upgrade finds, and what would become of them.

    ``ready`` counts what will be upgraded; one device may be counted in several
    of the other kinds. ``offline`` did not answer last time, it will be tried.
    """

    related: int = 0
    firmwareless: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    models: dict[str, int] = field(default_factory=dict)
    organizations: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of all devices found."""
        return self.related + self.firmwareless

    def add(self, row: dict[str, Any], model: str, organization: str) -> None:
        """Adds what was counted for one model and organization."""
        for kind in KINDS:
            self.kinds[kind] += row[kind]
        name, owner = row[model], row[organization]
        self.models[name] = self.models.get(name, 0) + row["total"]
        self.organizations[owner] = self.organizations.get(owner, 0) + row["total"]


@dataclass
class Candidates:
    """The devices a mass upgrade would find, as querysets with what is known.

    ``related`` are DeviceFirmware rows, ``firmwareless`` devices.
    """

    related: QuerySet[DeviceFirmware]
    firmwareless: QuerySet[Device]

    def matching(self, text: str) -> Candidates:
        """Returns those with ``text`` in their name or MAC address."""
        return Candidates(
            _search(self.related, text, "device__"),
            _search(self.firmwareless, text, ""),
        )

    def overview(self) -> Overview:
        """Counts everything, in two queries."""
        found = Overview()
        for rows, device in ((self.related, "device__"), (self.firmwareless, "")):
            model, organization = f"{device}model", f"{device}organization__name"
            for row in _counted(rows, model, organization):
                found.add(row, model, organization)
                if device:
                    found.related += row["total"]
                else:
                    found.firmwareless += row["total"]
        return found


def find_candidates(
    build: Build,
    *,
    group: Owned | None = None,
    location: Owned | None = None,
    user: User | None = None,
) -> Candidates:
    """Returns the devices a mass upgrade to ``build`` would find.

    Arguments:
        build: the build to upgrade to.
        group: only devices of this group.
        location: only devices at this location.
        user: only devices that this user may see, None for all.
    """
    found = dry_run(build, group=group, location=location)
    related = access.of_managed(user, found["device_firmwares"], "device__organization")
    firmwareless = access.of_managed(user, found["devices"], "organization")
    images = build.firmwareimage_set.filter(type=OuterRef("image__type"))
    return Candidates(
        _with_facts(related, "device", ~Exists(images)),
        # the boards of these come from the images of the build
        _with_facts(firmwareless, "pk", Value(False, BooleanField())),
    )


def _search(rows: QuerySet[Row], text: str, device: str) -> QuerySet[Row]:
    name, mac = f"{device}name__icontains", f"{device}mac_address__icontains"
    return rows.filter(Q(**{name: text}) | Q(**{mac: text}))


def _with_facts(
    rows: QuerySet[Row], device: str, lacks_image: Expression
) -> QuerySet[Row]:
    operations = load_model("UpgradeOperation").objects.filter(
        device=OuterRef(device), status=OperationStatus.IN_PROGRESS
    )
    connections = load_any_model("connection", "DeviceConnection").objects.filter(
        device=OuterRef(device), enabled=True, update_strategy__icontains="ssh"
    )
    return rows.annotate(
        is_running=Exists(operations),
        has_connection=Exists(connections),
        is_offline=Exists(connections.filter(is_working=False)),
        lacks_image=lacks_image,
    )


def _counted(
    rows: QuerySet[Row], model: str, organization: str
) -> Iterable[dict[str, Any]]:
    ready = Q(is_running=False, has_connection=True, lacks_image=False)
    grouped = rows.select_related(None).order_by().values(model, organization)
    return grouped.annotate(
        total=Count("pk"),
        ready=Count("pk", filter=ready),
        running=Count("pk", filter=Q(is_running=True)),
        without_credentials=Count("pk", filter=Q(has_connection=False)),
        without_image=Count("pk", filter=Q(lacks_image=True)),
        offline=Count("pk", filter=Q(is_offline=True)),
    )
