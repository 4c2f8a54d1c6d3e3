"""One guarded UPDATE: how everything the engine knows gets into its row.

It hits the row only while the operation is in progress and, when a worker holds
it, only under the worker's own run number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import JSONField, QuerySet, Value
from django.db.models.functions import Now

from .announcements import announce
from .database import steadily
from .exceptions import LeaseLost, UpgradeCancelled
from .leases import operations
from .log_text import appended, clean, take_pending
from .statuses import OperationStatus

# set on an instance whose evidence has facts that were not stored yet
NOTED = "_evidence_noted"


def store(
    operation: Any,
    lines: Iterable[str],
    fields: dict[str, Any],
    *,
    lease: dict[str, Any] | None = None,
) -> bool:
    """Writes fields and log lines in one guarded UPDATE.

    Arguments:
        operation: the operation at work.
        lines: new log lines, after those that were buffered.
        fields: values by field name, mirrored on the instance.
        lease: further assignments that are not mirrored.

    Returns whether the row was hit.
    """
    fresh = [clean(line) for line in lines]
    values = values_of(operation, fresh, fields, lease)
    if not update(guarded(operation), values):
        return False
    mirror(operation, fields)
    announce(operation, fields, fresh)
    return True


def values_of(
    operation: Any,
    lines: list[str],
    fields: dict[str, Any],
    lease: dict[str, Any] | None,
) -> dict[str, Any]:
    """Returns the assignments of an UPDATE, with all that was noted or buffered."""
    if operation.__dict__.pop(NOTED, False):
        fields = {"evidence": operation.evidence, **fields}
    values = {**(lease or {}), **_assignments(fields), "modified": Now()}
    text = "\n".join([*take_pending(operation), *lines])
    if text:
        values |= appended(text, capped="status" not in fields)
    return values


@steadily
def update(rows: QuerySet[Any], values: dict[str, Any]) -> int:
    """Updates rows; returns how many were hit."""
    return rows.update(**values)


def guarded(operation: Any) -> QuerySet[Any]:
    """Returns the row as long as it may be written by whoever asks."""
    mine = {"runs": operation.hold.run} if operation.hold else {}
    status = OperationStatus.IN_PROGRESS
    return operations().filter(pk=operation.pk, status=status, **mine)


def why_lost(operation: Any) -> LeaseLost | UpgradeCancelled:
    """Returns why a write of this worker did not reach the row."""
    if _is_cancelled_and_ours(operation):
        return UpgradeCancelled()
    return LeaseLost()


@steadily
def _is_cancelled_and_ours(operation: Any) -> bool:
    rows = operations().filter(pk=operation.pk, status=OperationStatus.CANCELLED)
    if operation.hold is not None:
        rows = rows.filter(runs=operation.hold.run)
    return rows.exists()


def _assignments(fields: dict[str, Any]) -> dict[str, Any]:
    values = dict(fields)
    if "evidence" in values:
        values["evidence"] = Value(values["evidence"], JSONField())
    return values


def mirror(operation: Any, fields: dict[str, Any]) -> None:
    """Keeps the instance like its row."""
    for name, value in fields.items():
        setattr(operation, name, value)
