"""What a browser is told when it asks for the present state."""

from __future__ import annotations

from typing import Any

from ..actions.settle_batch import count_operations
from ..statuses import OperationStatus
from ..swapper import load_model
from . import events

# operations of a device that its page shows
RECENT = 5


def operation_state(pk: Any) -> list[dict[str, Any]]:
    """Returns one message about an operation, none when it is gone."""
    operation = load_model("UpgradeOperation").objects.filter(pk=pk).first()
    if operation is None:
        return []
    data = events.operation_data(operation, whole=True)
    return [events.stamped(events.operation_update(data))]


def batch_state(pk: Any) -> list[dict[str, Any]]:
    """Returns one message about a batch and all its operations."""
    batch = load_model("BatchUpgradeOperation").objects.filter(pk=pk).first()
    if batch is None:
        return []
    counts = count_operations(batch)
    rows = batch.upgradeoperation_set.all()
    return [
        {
            "type": "batch_state",
            "batch_status": {
                "status": str(batch.status),
                "completed": counts["completed"],
                "total": counts["total_operations"],
            },
            "operations": [events.operation_data(row, whole=True) for row in rows],
        }
    ]


def device_state(pk: Any) -> list[dict[str, Any]]:
    """Returns a message for each of a device's last operations, newest first."""
    rows = load_model("UpgradeOperation").objects.filter(
        device_id=pk, status__in=OperationStatus.values
    )
    found = []
    for operation in rows.order_by("-modified")[:RECENT]:
        data = events.operation_data(operation, whole=True)
        del data["created"]
        found.append(events.stamped(events.operation_update(data)))
    return found
