"""The payloads of live events, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from ..protocols import Operation, PrimaryKey
from ..state.evidence import Evidence
from ..state.log_times import parsed
from ..statuses import OperationStatus, Phase

# a longer log is sent as its tail, clients that want all of it ask the REST API
LOG_LIMIT = 16 * 1024
# no database counts further than this times a page
LAST_PAGE = 1_000_000


def stamped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a payload with the time of sending, ISO 8601 in UTC."""
    return {**data, "timestamp": timezone.now().isoformat()}


def local_time(moment: datetime | None) -> str | None:
    """Returns a moment in the current time zone, in the format of the REST API."""
    if moment is None:
        return None
    return timezone.localtime(moment).isoformat().replace("+00:00", "Z")


def operation_data(operation: Operation, *, whole: bool = False) -> dict[str, Any]:
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


def operation_update(
    data: Mapping[str, Any], operation: Operation | None = None
) -> dict[str, Any]:
    """Returns the event that an operation has changed.

    Arguments:
        data: the operation as the REST API shows it.
        operation: the operation itself, whose phase is told beside it then.
    """
    event: dict[str, Any] = {"type": "operation_update", "operation": dict(data)}
    return event if operation is None else {**event, **beside(operation)}


def beside(operation: Operation) -> dict[str, Any]:
    """Returns what is told beside an operation, which is as the REST API shows it."""
    return {
        "phase": str(operation.phase),
        "next_run_in": next_run_in(operation),
    }


def row(operation: Operation) -> dict[str, Any]:
    """Returns what a row of a mass upgrade shows beside the operation."""
    return {
        "device_model": operation.device.model,
        "attempts": operation.attempts,
        "next_run_in": next_run_in(operation),
    }


def times_beside(operation: Operation) -> dict[str, Any]:
    """Returns when lines of the log were stored, told to whoever asks for it.

    Pairs of the line's place, in characters, and seconds since 1970. Beside them
    ``reason_lines``: how many lines at the end of the log tell why it has ended.
    """
    pairs = parsed(operation.log_times).items()
    number = Evidence.load(operation.evidence).reason_lines
    return {"log_times": [list(pair) for pair in pairs], "reason_lines": number}


def asks_for_times(content: Mapping[str, Any]) -> bool:
    """Tells whether a client asks for the times of the log, too."""
    return content.get("log_times") is True


def next_run_in(operation: Operation) -> int | None:
    """Returns the seconds until the next step that is waited for, or None.

    What is queued for the first time has a due time too, but only as a safety net.
    """
    if operation.phase != Phase.REBOOT and not operation.attempts:
        return None
    return seconds_until(operation.next_run_at)


def seconds_until(moment: object) -> int | None:
    """Returns the seconds until a moment; None without one or when it is over.

    A value of the database that was not read back, such as ``Now() + 5 s``, is
    none that could be told.
    """
    if not isinstance(moment, datetime):
        return None
    left = (moment - timezone.now()).total_seconds()
    return round(left) if left > 0 else None


def error(message: str) -> dict[str, Any]:
    """Returns the event that carries an error message."""
    return {"type": "error", "message": message}


def operation_progress(
    operation_id: PrimaryKey,
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


def batch_numbers(counts: Mapping[str, int]) -> dict[str, Any]:
    """Returns how far the operations of a batch are, as pages show it.

    Arguments:
        counts: as ``count_operations`` returns them.
    """
    return {
        "progress": counts["progress"],
        "counts": {
            str(OperationStatus.IN_PROGRESS): counts["in_progress"],
            str(OperationStatus.SUCCESS): counts["successful"],
            str(OperationStatus.FAILED): counts["failed"],
            str(OperationStatus.CANCELLED): counts["cancelled"],
            str(OperationStatus.ABORTED): counts["aborted"],
        },
    }


def batch_status(
    status: str, completed: int, total: int, counts: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Returns the event that a batch has moved.

    Arguments:
        status: of the batch.
        completed: number of operations that have ended.
        total: number of all its operations.
        counts: as ``count_operations`` returns them, told too when given.
    """
    return {
        **(batch_numbers(counts) if counts else {}),
        "type": "batch_status",
        "status": str(status),
        "completed": completed,
        "total": total,
    }


def operation_told(data: object) -> str | None:
    """Returns the primary key of the operation that an event is about."""
    if not isinstance(data, Mapping) or data.get("type") != "operation_update":
        return None
    operation = data.get("operation")
    pk = operation.get("id") if isinstance(operation, Mapping) else None
    return str(pk) if pk else None


def status_told(data: object) -> str:
    """Returns the status of the socket's object that a message tells, if it does."""
    if not isinstance(data, Mapping):
        return ""
    told = {
        "operation_update": data.get("operation"),
        "batch_state": data.get("batch_status"),
        "batch_status": data,
    }.get(str(data.get("type")))
    return str(told.get("status", "")) if isinstance(told, Mapping) else ""
