"""Pairs devices with the image they already run."""

from __future__ import annotations

import logging
from functools import partial

from django.core.exceptions import ValidationError
from django.db import transaction
from swapper import load_model as load_any_model

from ..hardware import REVERSE_FIRMWARE_IMAGE_MAP
from ..protocols import Device, DeviceConnection, DeviceFirmware, Image, PrimaryKey
from ..selectors.images import image_a_device_runs
from ..state import wakeups
from ..swapper import load_model

logger = logging.getLogger(__name__)


def pair_device(device: Device, image: Image | None = None) -> DeviceFirmware | None:
    """Pairs a device with the image it reports to run.

    Arguments:
        device: the device.
        image: the image, None to find it by board and operating system.

    Returns the DeviceFirmware, None when there is no such image or it does not
    fit the device.
    """
    if device.model not in REVERSE_FIRMWARE_IMAGE_MAP:
        return None
    image = image or image_a_device_runs(device)
    if image is None:
        return None
    firmware = load_model("DeviceFirmware")(device=device, image=image, installed=True)
    try:
        firmware.full_clean()
    except ValidationError as error:
        logger.warning("Device %s was not paired: %s", device.pk, error)
        return None
    firmware.save(upgrade=False)
    return firmware


def schedule_device(connection: DeviceConnection, created: bool) -> None:
    """Pairs the device of a new connection after commit."""
    if not created:
        return
    device = connection.device
    if device.os and device.model in REVERSE_FIRMWARE_IMAGE_MAP:
        _send_on_commit("create_device_firmware", device.pk)


def schedule_image(image: Image, created: bool) -> None:
    """Pairs the devices that run a new image after commit."""
    if created:
        _send_on_commit("create_all_device_firmwares", image.pk)


def _send_on_commit(name: str, pk: PrimaryKey) -> None:
    transaction.on_commit(partial(wakeups.send, name, pk))


def pair_device_by_id(device_id: PrimaryKey) -> None:
    """Pairs a device unless it has an image already."""
    model = load_model("DeviceFirmware")
    if model.objects.filter(device_id=device_id).exists():
        return
    device = load_any_model("config", "Device").objects.filter(pk=device_id).first()
    if device is not None:
        model.create_for_device(device)


def pair_image_by_id(image_id: PrimaryKey) -> None:
    """Pairs every device that reports an image's operating system with it."""
    images = load_model("FirmwareImage").objects.select_related("build__category")
    image = images.filter(pk=image_id).first()
    if image is None or not image.build.os:
        return
    devices = load_any_model("config", "Device").objects.filter(os=image.build.os)
    for device in devices.filter(devicefirmware__isnull=True).iterator():
        if device.model in image.boards:
            load_model("DeviceFirmware").create_for_device(device, image)
