"""Gives a device an image and starts the upgrade to it, both or none."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from swapper import load_model as load_any_model

from ..protocols import DeviceFirmware, Options, PrimaryKey, User
from ..statuses import OperationStatus
from ..swapper import load_model


class UnfinishedOperation(ValueError):
    """The device has an unfinished operation, ``operation_id``."""

    def __init__(self, operation_id: PrimaryKey) -> None:
        text = _(
            "Another upgrade operation (%(id)s) is in progress for this device. Wait "
            "for its end or cancel it."
        )
        super().__init__(text % {"id": operation_id})
        self.operation_id = operation_id


def assign_image(
    device_firmware: DeviceFirmware,
    *,
    upgrade_options: Options | None = None,
    requested_by: User | None = None,
    reject_conflict: bool = False,
) -> None:
    """Saves a device's image; when it is not installed an upgrade starts.

    The operation is found in ``device_firmware.started_operation``, None when no
    upgrade was needed.

    Arguments:
        device_firmware: the validated row.
        upgrade_options: options of the upgrade.
        requested_by: the user who asks for it.
        reject_conflict: whether to refuse when the device has an unfinished
            operation.

    Raises UnfinishedOperation then.
    """
    device_firmware.requested_by = requested_by
    device_firmware.started_operation = None
    with transaction.atomic():
        if reject_conflict:
            _refuse_conflict(device_firmware.device_id)
        device_firmware.save(upgrade_options=upgrade_options)


def _refuse_conflict(device_id: PrimaryKey) -> None:
    # a write is a lock on every database: the next request sees our operation
    devices = load_any_model("config", "Device").objects
    devices.filter(pk=device_id).update(modified=F("modified"))
    rows = load_model("UpgradeOperation").objects.filter(
        device_id=device_id, status=OperationStatus.IN_PROGRESS
    )
    if pk := rows.order_by("created").values_list("pk", flat=True).first():
        raise UnfinishedOperation(pk)
