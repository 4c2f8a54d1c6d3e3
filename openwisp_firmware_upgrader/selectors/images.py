"""Which images a device may be upgraded to, and which one it runs."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from ..hardware import types_of_board
from ..protocols import Category, Device, DeviceFirmware, Image
from ..swapper import load_model


def of_device(device: Device) -> Q:
    """Returns the condition of images that are shared or of a device's organization."""
    owner = Q(build__category__organization_id=device.organization_id)
    return owner | Q(build__category__organization__isnull=True)


def images_for_device(
    device: Device, device_firmware: DeviceFirmware | None = None
) -> QuerySet[Image]:
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


def may_use(device: Device, category: Category) -> bool:
    """Tells whether a category is shared or of the organization of a device."""
    return category.organization_id in (None, device.organization_id)


def image_a_device_runs(device: Device) -> Image | None:
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


def _preference(image: Image, types: list[str]) -> tuple[bool, int]:
    is_shared = image.build.category.organization_id is None
    return is_shared, types.index(image.type)
