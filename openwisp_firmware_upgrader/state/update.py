"""One guarded UPDATE: how everything the engine knows gets into its row.

It hits the row only while the operation is in progress and, when a worker holds
it, only under the worker's own run number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from django.db.models import DurationField, JSONField, QuerySet, TextField, Value
from django.db.models.functions import Now

from ..exceptions import LeaseLost, UpgradeCancelled
from ..foreign_text import clean, clean_json
from ..protocols import Operation
from ..statuses import OperationStatus
from .events import announce
from .leases import operations
from .log import appended, take_pending
from .prepared import Prepared, Slot
from .resilience import steadily

Guard: TypeAlias = Callable[[Any], QuerySet[Operation]]

# the text as it begins a log, and as it continues one
TEXTS = FIRST, MORE = "text_first", "text_more"


@dataclass(frozen=True)
class FromNow:
    """A moment of the database's own time, ``seconds`` from now."""

    seconds: float


class Shape(NamedTuple):
    """What changes of one kind have in common, all but the values.

    ``kinds`` are pairs of field and ``null``, ``from_now`` or ``value``.
    """

    kinds: tuple[tuple[str, str], ...]
    has_text: bool
    capped: bool


@dataclass(frozen=True)
class Change:
    """What one UPDATE stores beside the time of the change.

    Attributes:
        fields: values by field name, `FromNow` for a moment.
        text: lines to append to the log, None for none; a blank one is one.
        capped: whether a log of 1 MB takes no more.
    """

    fields: dict[str, Any]
    text: str | None = None
    capped: bool = True

    @property
    def shape(self) -> Shape:
        """Returns what decides about the SQL."""
        kinds = sorted((name, _kind(value)) for name, value in self.fields.items())
        return Shape(tuple(kinds), self.text is not None, self.capped)

    @property
    def values(self) -> dict[str, Any]:
        """Returns the values for the slots of `assignments_of`."""
        found = {
            name: timedelta(seconds=v.seconds) if isinstance(v, FromNow) else v
            for name, v in self.fields.items()
        }
        if self.text is not None:
            found |= {FIRST: self.text, MORE: f"\n{self.text}"}
        return found

    def assignments(self) -> dict[str, Any]:
        """Returns what ``QuerySet.update`` takes."""
        values = self.values

        def value_of(name: str, kind: str) -> Any:
            if name in TEXTS:
                return Value(values[name], TextField())
            is_json = name == "evidence"
            return Value(values[name], JSONField()) if is_json else values[name]

        return _assignments(self.shape, value_of)

    @staticmethod
    def assignments_of(shape: Shape, model: type[Operation]) -> dict[str, Any]:
        """Returns the same with slots in place of values.

        Arguments:
            shape: of the change.
            model: the model of the operation.
        """

        def slot(name: str, kind: str) -> Slot:
            if kind == "from_now":
                return Slot(name, DurationField())
            return Slot(name, TextField()) if name in TEXTS else Slot.of(model, name)

        return _assignments(shape, slot)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return "from_now" if isinstance(value, FromNow) else "value"


def _assignments(shape: Shape, value_of: Callable[[str, str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"modified": Now()}
    for name, kind in shape.kinds:
        if kind == "null":
            found[name] = None
        else:
            value = value_of(name, kind)
            found[name] = Now() + value if kind == "from_now" else value
    if shape.has_text:
        first, more = value_of(FIRST, "value"), value_of(MORE, "value")
        found |= appended(first, more, capped=shape.capped)
    return found


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
