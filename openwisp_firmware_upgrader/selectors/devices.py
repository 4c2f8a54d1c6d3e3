"""Which devices a build, or a mass upgrade, concerns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from swapper import load_model as load_any_model

from ..hardware import FIRMWARE_IMAGE_MAP
from ..protocols import Batch, Build, Device, DeviceFirmware, Owned, Row, UpgraderClass
from ..swapper import load_model
from ..utils import get_upgrader_class_for_device


def _of_owner(rows: QuerySet[Row], build: Build, prefix: str = "") -> QuerySet[Row]:
    # a device that has moved still points to an image of its old organization
    organization_id = build.category.organization_id
    if organization_id is None:
        return rows
    return rows.filter(**{f"{prefix}organization_id": organization_id})


def _of_group_and_location(
    rows: QuerySet[Row], group: Owned | None, location: Owned | None, prefix: str = ""
) -> QuerySet[Row]:
    if group is not None:
        rows = rows.filter(**{f"{prefix}group": group})
    if location is not None:
        rows = rows.filter(**{f"{prefix}devicelocation__location": location})
    return rows


def related_device_firmwares(
    build: Build,
    *,
    select_devices: bool = False,
    group: Owned | None = None,
    location: Owned | None = None,
) -> QuerySet[DeviceFirmware]:
    """Returns the devices of a build's category that do not run it yet.

    Those of a category with an organization belong to that organization, now.

    Arguments:
        build: the build to upgrade to.
        select_devices: whether to join the devices.
        group: only devices of this group.
        location: only devices at this location.

    Returns DeviceFirmware rows, newest first.
    """
    related = ["image", "device"] if select_devices else ["image"]
    rows = load_model("DeviceFirmware").objects.select_related(*related)
    rows = rows.filter(
        image__build__category_id=build.category_id, device___is_deactivated=False
    )
    rows = rows.exclude(image__build=build, installed=True)
    rows = _of_owner(rows, build, "device__")
    return _of_group_and_location(rows, group, location, "device__").order_by(
        "-created"
    )


def boards_of_build(build: Build) -> set[str]:
    """Returns every board that an image of the build fits."""
    types = build.firmwareimage_set.values_list("type", flat=True)
    known = [
        FIRMWARE_IMAGE_MAP[name]["boards"]
        for name in types
        if name in FIRMWARE_IMAGE_MAP
    ]
    return {board for boards in known for board in boards}


def firmwareless_devices(
    build: Build,
    *,
    boards: Iterable[str] | None = None,
    group: Owned | None = None,
    location: Owned | None = None,
) -> QuerySet[Device]:
    """Returns the devices an image of the build fits and whose image is unknown.

    Arguments:
        build: the build to upgrade to.
        boards: only devices of these boards, None for all of the build.
        group: only devices of this group.
        location: only devices at this location.
    """
    boards = boards_of_build(build) if boards is None else boards
    rows = load_any_model("config", "Device").objects.filter(
        devicefirmware__isnull=True, model__in=boards, _is_deactivated=False
    )
    rows = _of_owner(rows, build)
    return _of_group_and_location(rows, group, location).order_by("-created")


def dry_run(
    build: Build, *, group: Owned | None = None, location: Owned | None = None
) -> dict[str, QuerySet]:
    """Returns what a mass upgrade to ``build`` would upgrade, lazily."""
    where: dict[str, Any] = {"group": group, "location": location}
    return {
        "device_firmwares": related_device_firmwares(
            build, select_devices=True, **where
        ),
        "devices": firmwareless_devices(build, **where),
    }


def upgrader_class_of_batch(
    batch: Batch,
    related_device_fw: QuerySet[DeviceFirmware] | None = None,
    firmwareless_devices: QuerySet[Device] | None = None,
) -> UpgraderClass | None:
    """Returns the upgrader of a batch's first device, None without devices.

    Arguments:
        batch: the mass upgrade.
        related_device_fw: DeviceFirmware rows to use instead of a preview.
        firmwareless_devices: devices to use instead of a preview.

    Raises DeviceConnection.DoesNotExist when that device has no connection.
    """
    device = _first_device(batch, related_device_fw, firmwareless_devices)
    return None if device is None else get_upgrader_class_for_device(device)


def _first_device(
    batch: Batch,
    related: QuerySet[DeviceFirmware] | None,
    firmwareless: QuerySet[Device] | None,
) -> Device | None:
    if not batch._state.adding:  # noqa: SLF001 documented by Django
        operation = batch.upgradeoperation_set.select_related("device").first()
        if operation is not None:
            return operation.device
    if related is None or firmwareless is None:
        try:
            found = dry_run(batch.build, group=batch.group, location=batch.location)
        except ObjectDoesNotExist:
            return None
        related = found["device_firmwares"] if related is None else related
        firmwareless = found["devices"] if firmwareless is None else firmwareless
    return _first_connected(related.select_related("device"), firmwareless)


def _first_connected(
    related: QuerySet[DeviceFirmware], firmwareless: QuerySet[Device]
) -> Device | None:
    # one device without credentials must not decide for all others
    usable = {"enabled": True, "update_strategy__icontains": "ssh"}
    tries: tuple[tuple[QuerySet, str, dict[str, object]], ...] = (
        (related, "device__deviceconnection__", usable),
        (firmwareless, "deviceconnection__", usable),
        (related, "", {}),
        (firmwareless, "", {}),
    )
    for rows, prefix, wanted in tries:
        found = rows.filter(**{prefix + name: value for name, value in wanted.items()})
        if (row := found.first()) is not None:
            return getattr(row, "device", row)
    return None
