"""The payloads of live events, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

# a longer log is sent as its tail, clients that want all of it ask the REST API
LOG_LIMIT = 16 * 1024


def stamped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a payload with the time of sending, ISO 8601 in UTC."""
    return {**data, "timestamp": timezone.now().isoformat()}


def local_time(moment: datetime | None) -> str | None:
    """Returns a moment in the current time zone, in the format of the REST API."""
    if moment is None:
        return None
    return timezone.localtime(moment).isoformat().replace("+00:00", "Z")


def operation_data(operation: Any, *, whole: bool = False) -> dict[str, Any]:
    """Returns an operation as the REST API shows it.

    Arguments:
        operation: the operation.
        whole: False cuts a log of more than 16 KiB to its tail; ``log_length``
            tells its length in characters then.
    """
    log = operation.log
    cut = len(log) > LOG_LIMIT and not whole
    data = {
        "id": str(operation.pk),
        "device": str(operation.device_id),
        "image": str(operation.image_id) if operation.image_id else None,
        "status": str(operation.status),
        "log": log[-LOG_LIMIT:] if cut else log,
        "progress": operation.progress,
        "modified": local_time(operation.modified),
        "created": local_time(operation.created),
    }
    if cut:
        data["log_length"] = len(log)
    return data


def operation_update(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the event that an operation has changed."""
    return {"type": "operation_update", "operation": dict(data)}


def error(message: str) -> dict[str, Any]:
    """Returns the event that carries an error message."""
    return {"type": "error", "message": message}


def operation_progress(
    operation_id: Any,
    status: str,
    progress: int,
    modified: datetime | None = None,
    device_info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the event that one operation of a batch has moved.

    Arguments:
        operation_id: primary key of the operation.
        status: its status.
        progress: its progress in percent.
        modified: when it changed.
        device_info: ``device_id``, ``device_name`` and ``image_name``.
    """
    data: dict[str, Any] = {
        "type": "operation_progress",
        "operation_id": str(operation_id),
        "status": str(status),
        "progress": progress,
        "modified": modified.isoformat() if modified else None,
    }
    if device_info:
        data["device_id"] = str(device_info["device_id"])
        data["device_name"] = device_info["device_name"]
        data["image_name"] = device_info["image_name"]
    return data


def device_info(operation: Any) -> dict[str, Any]:
    """Returns what a row of the batch page shows beside the status."""
    return {
        "device_id": operation.device_id,
        "device_name": operation.device.name,
        "image_name": str(operation.image) if operation.image_id else None,
    }


def batch_status(status: str, completed: int, total: int) -> dict[str, Any]:
    """Returns the event that a batch has moved."""
    return {
        "type": "batch_status",
        "status": str(status),
        "completed": completed,
        "total": total,
    }
