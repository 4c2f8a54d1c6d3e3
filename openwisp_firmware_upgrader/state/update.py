"""One guarded UPDATE: how everything the engine knows gets into its row.

It hits the row only while the operation is in progress and, when a worker holds
it, only under the worker's own run number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, TypeAlias

from django.db.models import QuerySet

from ..exceptions import LeaseLost, UpgradeCancelled
from ..foreign_text import clean, clean_json
from ..protocols import Operation
from ..statuses import OperationStatus
from .assignments import Change, Shape
from .events import announce
from .leases import operations
from .log import take_pending
from .prepared import Prepared, Slot
from .resilience import steadily

Guard: TypeAlias = Callable[[Any], QuerySet[Operation]]

# set on an instance whose evidence has facts that were not stored yet
NOTED = "_evidence_noted"


def store(
    operation: Operation,
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
    if not write(operation, change_of(operation, fresh, fields, lease)):
        return False
    mirror(operation, fields)
    announce(operation, fields, fresh)
    return True


def with_facts(operation: Operation, facts: dict[str, Any]) -> dict[str, Any]:
    """Returns the evidence of an operation with more facts, as it can be stored."""
    return {**operation.evidence, **clean_json(facts)}


def change_of(
    operation: Operation,
    lines: list[str],
    fields: dict[str, Any],
    lease: dict[str, Any] | None = None,
) -> Change:
    """Returns what an UPDATE stores, with all that was noted or buffered."""
    if operation.__dict__.pop(NOTED, False):
        fields = {"evidence": operation.evidence, **fields}
    text = "\n".join([*take_pending(operation), *lines]) or None
    return Change({**(lease or {}), **fields}, text, capped="status" not in fields)


@steadily
def write(operation: Operation, change: Change) -> int:
    """Stores a change under guard; returns how many rows were hit."""
    held = operation.hold
    statement = _statement(change.shape, held is not None, guarded)
    key = {"pk": operation.pk, "held_run": held.run if held else 0}
    return statement.update(**key, **change.values)


@lru_cache(maxsize=256)
def _statement(shape: Shape, held: bool, guard: Guard) -> Prepared:
    def build() -> tuple[QuerySet[Operation], dict[str, Any]]:
        model = operations().model
        hold = SimpleNamespace(run=Slot.of(model, "runs", "held_run"))
        pattern = SimpleNamespace(pk=Slot.of(model, "pk"), hold=hold if held else None)
        return guard(pattern), Change.assignments_of(shape, model)

    return Prepared(build)


@steadily
def update(rows: QuerySet[Operation], change: Change) -> int:
    """Stores a change in rows; returns how many were hit."""
    return rows.update(**change.assignments())


def guarded(operation: Operation) -> QuerySet[Operation]:
    """Returns the row as long as it may be written by whoever asks."""
    mine = {"runs": operation.hold.run} if operation.hold else {}
    status = OperationStatus.IN_PROGRESS
    return operations().filter(pk=operation.pk, status=status, **mine)


def why_lost(operation: Operation) -> LeaseLost | UpgradeCancelled:
    """Returns why a write of this worker did not reach the row."""
    if _is_cancelled_and_ours(operation):
        return UpgradeCancelled()
    return LeaseLost()


@steadily
def _is_cancelled_and_ours(operation: Operation) -> bool:
    rows = operations().filter(pk=operation.pk, status=OperationStatus.CANCELLED)
    if operation.hold is not None:
        rows = rows.filter(runs=operation.hold.run)
    return rows.exists()


def mirror(operation: Operation, fields: dict[str, Any]) -> None:
    """Keeps the instance like its row."""
    for name, value in fields.items():
        setattr(operation, name, value)
