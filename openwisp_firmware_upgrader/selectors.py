"""Questions to the database about devices, images and builds."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from swapper import load_model as load_any_model

from .hardware import FIRMWARE_IMAGE_MAP, types_of_board
from .statuses import OperationStatus
from .swapper import load_model
from .utils import get_upgrader_class_for_device


def _of_owner(rows: QuerySet[Any], build: Any, prefix: str = "") -> QuerySet[Any]:
    # a device that has moved still points to an image of its old organization
    organization_id = build.category.organization_id
    if organization_id is None:
        return rows
    return rows.filter(**{f"{prefix}organization_id": organization_id})


def _of_group_and_location(
    rows: QuerySet[Any], group: Any, location: Any, prefix: str = ""
) -> QuerySet[Any]:
    if group is not None:
        rows = rows.filter(**{f"{prefix}group": group})
    if location is not None:
        rows = rows.filter(**{f"{prefix}devicelocation__location": location})
    return rows


def related_device_firmwares(
    build: Any, *, select_devices: bool = False, group: Any = None, location: Any = None
) -> QuerySet[Any]:
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


def boards_of_build(build: Any) -> set[str]:
    """Returns every board that an image of the build fits."""
    types = build.firmwareimage_set.values_list("type", flat=True)
    known = [
        FIRMWARE_IMAGE_MAP[name]["boards"]
        for name in types
        if name in FIRMWARE_IMAGE_MAP
    ]
    return {board for boards in known for board in boards}


def firmwareless_devices(
    build: Any, *, boards: Any = None, group: Any = None, location: Any = None
) -> QuerySet[Any]:
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


def dry_run(build: Any, *, group: Any = None, location: Any = None) -> dict[str, Any]:
    """Returns what a mass upgrade to ``build`` would upgrade, lazily."""
    where = {"group": group, "location": location}
    return {
        "device_firmwares": related_device_firmwares(
            build, select_devices=True, **where
        ),
        "devices": firmwareless_devices(build, **where),
    }


def of_device(device: Any) -> Q:
    """Returns the condition of images that are shared or of a device's organization."""
    owner = Q(build__category__organization_id=device.organization_id)
    return owner | Q(build__category__organization__isnull=True)


def images_for_device(device: Any, device_firmware: Any = None) -> QuerySet[Any]:
    """Returns the images a device may be upgraded to, newest first.

    Arguments:
        device: the device.
        device_firmware: its present image, whose category is kept as long as the
            device may use it: one that has moved chooses among those it has now.
    """
    rows = load_model("FirmwareImage").objects.select_related("build__category")
    rows = rows.filter(of_device(device))
    types = types_of_board(device.model)
    if types:
        rows = rows.filter(type__in=types)
    if device_firmware is not None:
        category = device_firmware.image.build.category
        if may_use(device, category):
            rows = rows.filter(build__category=category)
    return rows.order_by("-created")


def may_use(device: Any, category: Any) -> bool:
    """Tells whether a category is shared or of the organization of a device."""
    return category.organization_id in (None, device.organization_id)


def image_a_device_runs(device: Any) -> Any:
    """Returns the image a device reports to run, None when there is none.

    An image of the device's own organization counts before a shared one.
    """
    types = types_of_board(device.model or "")
    if not device.os or not types:
        return None
    rows = load_model("FirmwareImage").objects.select_related("build__category")
    rows = rows.filter(of_device(device), type__in=types, build__os=device.os)
    own_first = F("build__category__organization_id").asc(nulls_last=True)
    found = list(rows.order_by(own_first, "-created"))
    return min(found, key=lambda image: _preference(image, types), default=None)


def _preference(image: Any, types: list[str]) -> tuple[bool, int]:
    is_shared = image.build.category.organization_id is None
    return is_shared, types.index(image.type)


def upgrader_class_of_batch(
    batch: Any, related_device_fw: Any = None, firmwareless_devices: Any = None
) -> Any:
    """Returns the upgrader of a batch's first device, None without devices.

    Arguments:
        batch: the mass upgrade.
        related_device_fw: DeviceFirmware rows to use instead of a preview.
        firmwareless_devices: devices to use instead of a preview.

    Raises DeviceConnection.DoesNotExist when that device has no connection.
    """
    device = _first_device(batch, related_device_fw, firmwareless_devices)
    return None if device is None else get_upgrader_class_for_device(device)


def _first_device(batch: Any, related: Any, firmwareless: Any) -> Any:
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


def _first_connected(related: Any, firmwareless: Any) -> Any:
    # one device without credentials must not decide for all others
    usable = {"enabled": True, "update_strategy__icontains": "ssh"}
    tries: tuple[tuple[Any, str, dict[str, Any]], ...] = (
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


def operations_by_state() -> dict[str, QuerySet[Any]]:
    """Returns the operations in progress by what is happening to them.

    ``running``: a worker holds a lease; ``lost``: a worker died with it; ``due``:
    nobody holds it and its time has come; ``waiting``: its time is to come.
    """
    rows = load_model("UpgradeOperation").objects.filter(
        status=OperationStatus.IN_PROGRESS
    )
    held = rows.filter(lease_expires_at__isnull=False).order_by("lease_expires_at")
    free = rows.filter(lease_expires_at__isnull=True).order_by("next_run_at")
    return {
        "running": held.filter(lease_expires_at__gte=Now()),
        "lost": held.filter(lease_expires_at__lt=Now()),
        "due": free.filter(next_run_at__lte=Now()),
        "waiting": free.filter(next_run_at__gt=Now()),
    }
