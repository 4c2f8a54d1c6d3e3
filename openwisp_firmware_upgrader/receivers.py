"""Connects signals to the rooms that act on them."""

from __future__ import annotations

from celery.signals import worker_init
from celery.worker.consumer import Consumer
from django.core import checks
from django.db.models.signals import (
    post_delete,
    post_save,
    pre_delete,
    pre_migrate,
    pre_save,
)
from django.utils.translation import gettext as _
from swapper import load_model as load_any_model

from . import websockets
from .actions import delete_files
from .checks.migrations import check_partial_chain, refuse_partial_chain
from .foreign_text import inline
from .protocols import DeviceConnection, Operation, Row
from .reporting import notifications, phase_log
from .signals import upgrade_operation_recorded
from .state import wakeups
from .statuses import OperationStatus, Phase
from .swapper import load_model


def connect_device_signals() -> None:
    """Connects what pairs devices with images."""
    firmware = load_model("DeviceFirmware")
    post_save.connect(
        firmware.auto_add_device_firmware_to_device,
        sender=load_any_model("connection", "DeviceConnection"),
        dispatch_uid="connection.auto_add_device_firmware",
    )
    pre_save.connect(
        clean_failure_reason,
        sender=load_any_model("connection", "DeviceConnection"),
        dispatch_uid="connection.clean_failure_reason",
    )
    post_save.connect(
        firmware.auto_create_device_firmwares,
        sender=load_model("FirmwareImage"),
        dispatch_uid="firmware_image.auto_add_device_firmwares",
    )


def clean_failure_reason(
    sender: type[Row], instance: DeviceConnection, **kwargs: object
) -> None:
    """Receiver: why a connection failed may be told in the words of its device."""
    if instance.failure_reason:
        instance.failure_reason = inline(instance.failure_reason)


def connect_upgrade_signals() -> None:
    """Connects live events, the worker's scan and restored rows."""
    operation = load_model("UpgradeOperation")
    post_save.connect(
        websockets.UpgradeProgressPublisher.handle_upgrade_operation_post_save,
        sender=operation,
        dispatch_uid="upgrade_operation.websocket_publish",
    )
    post_save.connect(
        websockets.BatchUpgradeProgressPublisher.handle_batch_upgrade_operation_saved,
        sender=load_model("BatchUpgradeOperation"),
        dispatch_uid="batch_upgrade_operation.websocket_publish",
    )
    websockets.connect_live_events()
    notifications.connect()
    upgrade_operation_recorded.connect(
        phase_log.log_phase, dispatch_uid="upgrade_operation.phase_log"
    )
    pre_save.connect(
        close_restored, sender=operation, dispatch_uid="upgrade_operation.restored"
    )
    worker_init.connect(let_worker_tick, dispatch_uid="firmware_upgrader.worker_init")
    pre_migrate.connect(
        refuse_partial_chain, dispatch_uid="firmware_upgrader.partial_chain"
    )
    checks.register(check_partial_chain, checks.Tags.database)


def connect_delete_signals() -> None:
    """Connects what deletes the files of deleted images."""
    image = load_model("FirmwareImage")
    owners = (
        (load_model("Build"), "build"),
        (load_model("Category"), "category"),
        (load_any_model("openwisp_users", "Organization"), "organization"),
    )
    for sender, name in owners:
        pre_delete.connect(
            getattr(image, f"{name}_pre_delete_handler"),
            sender=sender,
            dispatch_uid=f"{name}.pre_delete.firmware_files",
        )
    post_delete.connect(
        delete_files.delete_file_of,
        sender=image,
        dispatch_uid="image.post_delete.firmware_file",
    )


def close_restored(
    sender: type[Row], instance: Operation, raw: bool, **kwargs: object
) -> None:
    """Receiver: an operation restored from history is not going on."""
    if not raw:
        return
    if instance.status != OperationStatus.IN_PROGRESS:
        # a history does not hold the engine's columns
        instance.phase = str(Phase.DONE)
        return
    instance.status = str(OperationStatus.ABORTED)
    instance.phase = str(Phase.DONE)
    instance.next_run_at = instance.lease_expires_at = None
    line = _("This operation was restored from history, it is not going on.")
    instance.log = f"{instance.log}\n{line}" if instance.log else line


def let_worker_tick(sender: Consumer, **kwargs: object) -> None:
    """Receiver: a worker looks for what others left when it starts, and goes on so."""
    sender.app.steps["consumer"].add(wakeups.Ticking)
