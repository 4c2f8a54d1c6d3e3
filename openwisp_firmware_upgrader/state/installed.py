"""Notes which image a device runs once an upgrade is proven."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, QuerySet
from django.db.models.functions import Now

from ..protocols import Operation
from ..statuses import OperationStatus
from ..swapper import load_model
from .leases import operations
from .prepared import Prepared, Slot


def note_installed(operation: Operation) -> None:
    """Lets the device count as running the operation's image.

    A newer upgrade of the device that is under way knows better.
    """
    if operation.image_id is None:
        return
    values = {"device": operation.device_id, "created": operation.created}
    INSTALLED.update(image=operation.image_id, **values)


def _installed() -> tuple[QuerySet[Operation], dict[str, Any]]:
    model = load_model("DeviceFirmware")
    kind = operations().model
    device = Slot.of(kind, "device")
    newer = operations().filter(
        device_id=device,
        status=OperationStatus.IN_PROGRESS,
        created__gt=Slot.of(kind, "created"),
    )
    rows = model.objects.filter(~Exists(newer), device_id=device)
    return rows, {
        "image_id": Slot.of(model, "image"),
        "installed": True,
        "modified": Now(),
    }


INSTALLED = Prepared(_installed)
