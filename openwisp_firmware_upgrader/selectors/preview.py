"""What a mass upgrade would do, counted, and its devices page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Protocol, cast

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from swapper import load_model as load_any_model

from ..hardware import FIRMWARE_IMAGE_MAP
from ..protocols import Build, Device, DeviceFirmware, Image, Owned, PrimaryKey, Row
from ..statuses import OperationStatus
from ..swapper import load_model
from .devices import firmwareless_devices, related_device_firmwares


class Marked(Protocol):
    """A row with what was found out about its device."""

    is_reachable: bool
    is_running: bool


class MarkedFirmware(DeviceFirmware, Marked, Protocol):
    """The row of a device whose firmware is known."""


class Preview:
    """What a launch would do; sliced it gives its devices, newest first.

    Arguments:
        build: the build to upgrade to.
        upgrade_all: whether devices whose firmware is not known count.
        group: only devices of this group.
        location: only devices at this location.
        organizations: ids of the organizations to show, None for all.
    """

    def __init__(
        self,
        build: Build,
        *,
        upgrade_all: bool = False,
        group: Owned | None = None,
        location: Owned | None = None,
        organizations: Collection[PrimaryKey] | None = None,
    ) -> None:
        images = build.firmwareimage_set.order_by("created").defer("metadata")
        self.images = list(images)
        self.upgrade_all = upgrade_all
        where = {"group": group, "location": location}
        self.related = related_device_firmwares(build, select_devices=True, **where)
        self.devices = firmwareless_devices(
            build, boards=set(self._type_by_board()), **where
        )
        if organizations is not None:
            self.related = self.related.filter(device__organization__in=organizations)
            self.devices = self.devices.filter(organization__in=organizations)
        self._by_type = self._counted(self.related, "image__type", "device")
        self._by_model = self._counted(self.devices, "model", "pk")

    def _type_by_board(self) -> dict[str, str]:
        # launching goes through the images in this order, the first one counts
        found: dict[str, str] = {}
        for image in self.images:
            for board in FIRMWARE_IMAGE_MAP.get(image.type, {}).get("boards", ()):
                found.setdefault(board, image.type)
        return found

    def _counted(
        self, rows: QuerySet[Row], column: str, device: str
    ) -> list[dict[str, Any]]:
        reachable, running = _reachable(device), _running(device)
        counted = (
            rows.order_by()
            .values(column)
            .annotate(
                total=Count("pk"),
                without_credentials=Count("pk", filter=~Q(reachable)),
                running=Count("pk", filter=Q(running)),
                ready=Count("pk", filter=Q(reachable) & ~Q(running)),
            )
        )
        return [{**row, "name": row.pop(column)} for row in counted]

    def __len__(self) -> int:
        return self.number_of_related + self.number_of_devices * self.upgrade_all

    @property
    def number_of_related(self) -> int:
        """How many devices run another firmware of the category."""
        return sum(row["total"] for row in self._by_type)

    @property
    def number_of_devices(self) -> int:
        """How many devices there are whose firmware is not known."""
        return sum(row["total"] for row in self._by_model)

    def summary(self) -> dict[str, Any]:
        """Returns the counts as plain data."""
        types = {image.type for image in self.images}
        boards = self._type_by_board()
        rows = list(self._by_type)
        if self.upgrade_all:
            rows += [{**row, "name": boards[row["name"]]} for row in self._by_model]
        matched = [row for row in rows if row["name"] in types]
        by_type: Counter[str] = Counter()
        for row in matched:
            by_type[row["name"]] += row["total"]
        return {
            "total": len(self),
            "device_firmwares": self.number_of_related,
            "devices": self.number_of_devices,
            "image_types": [self._of_image(image, by_type) for image in self.images],
            "without_credentials": sum(row["without_credentials"] for row in rows),
            "without_matching_image": len(self) - by_type.total(),
            "already_running": sum(row["running"] for row in rows),
            "would_upgrade": sum(row["ready"] for row in matched),
        }

    def _of_image(self, image: Image, counts: Counter[str]) -> dict[str, Any]:
        label = FIRMWARE_IMAGE_MAP.get(image.type, {}).get("label", image.type)
        return {
            "type": image.type,
            "label": label,
            "image": str(image.pk),
            "devices": counts[image.type],
        }

    def __getitem__(self, wanted: slice) -> list[dict[str, Any]]:
        start, stop = wanted.start or 0, min(wanted.stop or len(self), len(self))
        edge = self.number_of_related
        related = self._marked(self.related, "device")[start : min(stop, edge)]
        found = [self._row(row.device, row, row.image.type) for row in related]
        if stop > edge:
            boards = self._type_by_board()
            devices = self._marked(self.devices, "pk")
            found += [
                self._row(device, None, boards[device.model], device)
                for device in devices[max(start - edge, 0) : stop - edge]
            ]
        return found

    def _marked(self, rows: QuerySet[Row], device: str) -> QuerySet[Row]:
        marks = {"is_reachable": _reachable(device), "is_running": _running(device)}
        return rows.annotate(**marks).order_by("-created", "pk")

    def _row(
        self,
        device: Device,
        firmware: MarkedFirmware | None,
        image_type: str,
        marks: Marked | None = None,
    ) -> dict[str, Any]:
        image = next((i for i in self.images if i.type == image_type), None)
        return {
            "device": str(device.pk),
            "name": device.name,
            "mac_address": device.mac_address,
            "device_firmware": str(firmware.pk) if firmware else None,
            "image_type": image_type,
            "image": str(image.pk) if image else None,
            "problem": _problem(image, cast("Marked", marks or firmware)),
        }


def _problem(image: Image | None, marks: Marked) -> str | None:
    if image is None:
        return "no_matching_image"
    if marks.is_running:
        return "already_running"
    return None if marks.is_reachable else "no_credentials"


def _reachable(device: str) -> Exists:
    connections = load_any_model("connection", "DeviceConnection").objects
    return Exists(
        connections.filter(
            device=OuterRef(device), enabled=True, update_strategy__icontains="ssh"
        )
    )


def _running(device: str) -> Exists:
    rows = load_model("UpgradeOperation").objects
    return Exists(
        rows.filter(device=OuterRef(device), status=OperationStatus.IN_PROGRESS)
    )
