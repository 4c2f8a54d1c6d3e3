"""What a browser is told when it asks for the present state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ..protocols import Operation, PrimaryKey, User
from ..selectors import access
from ..state.log_times import HEAVY
from ..state.settle_batch import count_operations
from ..statuses import BATCH_FINISHED, FINISHED, OperationStatus
from ..swapper import load_model
from . import payloads
from .log_cursor import PROTOCOL

# operations of a device that its page shows
RECENT = 5
# rows of a batch that a page may ask for by their keys
ROWS = 200
# where an operation keeps what is told beside it
BESIDE = "_beside"


def operation_state(pk: PrimaryKey, *, times: bool = False) -> list[dict[str, Any]]:
    """Returns one message about an operation, none when it is gone.

    Arguments:
        pk: primary key of the operation.
        times: whether it tells when the lines of the log were stored.
    """
    operation = load_model("UpgradeOperation").objects.filter(pk=pk).first()
    if operation is None:
        return []
    data = payloads.operation_data(operation, whole=True)
    update = payloads.operation_update(data, operation)
    told = payloads.times_beside(operation) if times else {}
    return [payloads.stamped({**update, **told})]


def batch_status(pk: PrimaryKey, user: User | None = None) -> dict[str, Any] | None:
    """Returns status and numbers of a batch, None when it is gone.

    Arguments:
        pk: primary key of the batch.
        user: only operations that this user may see are counted, None for all.
    """
    batch = load_model("BatchUpgradeOperation").objects.filter(pk=pk).first()
    if batch is None:
        return None
    counts = count_operations(batch, access.operations_of(user, batch_id=pk))
    return {
        "status": str(batch.status),
        "completed": counts["completed"],
        "total": counts["total_operations"],
        **payloads.batch_numbers(counts),
    }


def batch_state(
    pk: PrimaryKey, wanted: tuple[UUID, ...] | None = None, user: User | None = None
) -> list[dict[str, Any]]:
    """Returns one message about a batch and its operations.

    Arguments:
        pk: primary key of the batch.
        wanted: primary keys; all other operations are left out, and long logs are
            cut, as a page shows only some of thousands.
        user: only operations that this user may see, None for all.
    """
    status = batch_status(pk, user)
    if status is None:
        return []
    rows = access.operations_of(user, batch_id=pk).select_related("device")
    if wanted is not None:
        rows = rows.filter(pk__in=wanted)
    found = list(rows)
    whole = wanted is None
    return [
        {
            "type": "batch_state",
            "batch_status": status,
            "operations": [payloads.operation_data(row, whole=whole) for row in found],
            "phases": {str(row.pk): str(row.phase) for row in found},
            "rows": {str(row.pk): payloads.row(row) for row in found},
        }
    ]


def seen_and_hidden(
    pk: PrimaryKey, user: User | None
) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the keys of a batch's operations that a user may see, and of the rest."""
    seen, hidden = (
        frozenset(map(str, rows.values_list("pk", flat=True)))
        for rows in (
            access.operations_of(user, batch_id=pk),
            access.foreign_operations(user, batch_id=pk),
        )
    )
    # one that has moved between the two
    return seen - hidden, hidden


def wanted_operations(request: Mapping[str, Any]) -> tuple[UUID, ...] | None:
    """Returns the operations that a request limits the answer to, None for all.

    Arguments:
        request: as the client sent it, ``operations`` may be a list of primary keys.
    """
    keys = request.get("operations")
    if not isinstance(keys, list) or len(keys) > ROWS:
        return None
    try:
        return tuple(UUID(key) for key in keys)
    except (AttributeError, TypeError, ValueError):
        return None


def device_operations(pk: PrimaryKey, *, times: bool = False) -> list[dict[str, Any]]:
    """Returns a device's last operations, the last one to change first.

    Arguments:
        pk: primary key of the device.
        times: whether they tell when the lines of the logs were stored.
    """
    found = []
    for operation in recent_operations(pk):
        data = payloads.operation_data(operation, whole=True)
        del data["created"]
        told = payloads.times_beside(operation) if times else {}
        data[BESIDE] = {**payloads.beside(operation), **told}
        found.append(data)
    return found


def recent_operations(pk: PrimaryKey) -> QuerySet[Operation]:
    """Returns the operations that the page of a device shows."""
    rows = load_model("UpgradeOperation").objects.filter(
        device_id=pk, status__in=OperationStatus.values
    )
    return rows.order_by("-modified")[:RECENT]


def batch_page(
    pk: PrimaryKey, number: int, size: int, user: User | None = None
) -> list[dict[str, Any]]:
    """Returns one message about a batch and a page of its operations, without logs.

    Arguments:
        pk: primary key of the batch.
        number: the page, from 1; one beyond the last is empty.
        size: operations a page.
        user: only operations that this user may see, None for all.
    """
    status = batch_status(pk, user)
    if status is None:
        return []
    rows = access.operations_of(user, batch_id=pk)
    rows = rows.select_related("device").defer(*HEAVY).order_by("created", "pk")
    start = (number - 1) * size
    message = {
        "type": "batch_state",
        "protocol": PROTOCOL,
        "batch_status": status,
        "operations": [_of_page(row) for row in rows[start : start + size]],
        "page": number,
        "page_size": size,
        "pages": max(1, -(-status["total"] // size)),
    }
    return [payloads.stamped(message)]


def _of_page(operation: Operation) -> dict[str, Any]:
    image = operation.image_id
    return {
        "id": str(operation.pk),
        "device": str(operation.device_id),
        "device_name": operation.device.name,
        "image": str(image) if image else None,
        "status": operation.status,
        "progress": operation.progress,
        "modified": payloads.local_time(operation.modified),
        "created": payloads.local_time(operation.created),
    }


def ended_operation(pk: PrimaryKey, told: str) -> list[dict[str, Any]]:
    """Returns the state of an operation that ended and whose end was not told."""
    rows = load_model("UpgradeOperation").objects.filter(pk=pk, status__in=FINISHED)
    return operation_state(pk) if rows.exclude(status=told).exists() else []


def ended_batch(
    pk: PrimaryKey, told: str, user: User | None = None
) -> list[dict[str, Any]]:
    """Returns how a batch ended, when that was not told."""
    rows = load_model("BatchUpgradeOperation").objects
    if not rows.filter(pk=pk, status__in=BATCH_FINISHED).exclude(status=told).exists():
        return []
    status = batch_status(pk, user)
    return [payloads.stamped({**status, "type": "batch_status"})] if status else []
