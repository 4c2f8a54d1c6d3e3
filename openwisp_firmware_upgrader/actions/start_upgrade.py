"""Starts the upgrade of one device."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from ..protocols import Batch, DeviceFirmware, Operation, Options
from ..state import wakeups
from ..swapper import load_model


def save_and_start(
    device_firmware: DeviceFirmware,
    save: Callable[..., None],
    batch: Batch | None,
    upgrade_options: Options,
    *args: object,
    **kwargs: object,
) -> None:
    """Saves a device's image and its operation together or not at all.

    Arguments:
        device_firmware: the row, whose image is not installed yet; afterwards its
            ``started_operation`` is the operation.
        save: the plain ``save`` of the row, called with the further arguments.
        batch: the mass upgrade this belongs to, or None.
        upgrade_options: options of the upgrade.
    """
    with transaction.atomic():
        device_firmware.installed = False
        save(*args, **kwargs)
        device_firmware.started_operation = device_firmware.create_upgrade_operation(
            batch, upgrade_options=upgrade_options
        )


def create_operation(
    device_firmware: DeviceFirmware,
    batch: Batch | None,
    upgrade_options: Options | None = None,
) -> Operation:
    """Creates the operation that installs a device's image.

    Arguments:
        device_firmware: the device and its image.
        batch: the mass upgrade this belongs to, or None.
        upgrade_options: options of the upgrade.

    Returns the operation; a worker is woken on commit.
    Raises ValidationError when the options or the device do not allow it.
    """
    operation = load_model("UpgradeOperation")(
        device=device_firmware.device,
        image=device_firmware.image,
        upgrade_options=upgrade_options or {},
        created_by=device_firmware.requested_by,
    )
    if batch:
        operation.batch = batch
    operation.full_clean(exclude=["created_by"])
    operation.save()
    wakeups.upgrade_on_commit(operation.pk)
    return operation
