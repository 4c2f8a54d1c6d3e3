"""One guarded UPDATE: how everything the engine knows gets into its row.

It hits the row only while the operation is in progress and, when a worker holds
it, only under the worker's own run number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from django.db.models import DurationField, JSONField, QuerySet, TextField, Value
from django.db.models.functions import Now

from ..protocols import Operation, PrimaryKey
from ..statuses import OperationStatus
from .leases import operations
from .log import appended
from .prepared import Prepared, Slot
from .resilience import steadily

Guard: TypeAlias = "Callable[[Slot, Slot | None], QuerySet[Operation]]"

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


@steadily
def write(pk: PrimaryKey, number: int | None, change: Change) -> int:
    """Stores a change under guard.

    Arguments:
        pk: primary key of the operation.
        number: the run number of the claim, None without one.
        change: what is stored.

    Returns how many rows were hit, 0 or 1.
    """
    statement = _statement(change.shape, number is not None, guarded)
    key = {"pk": pk, "guard_run": number or 0}
    return statement.update(**key, **change.values)


@lru_cache(maxsize=256)
def _statement(shape: Shape, is_claimed: bool, guard: Guard) -> Prepared:
    def build() -> tuple[QuerySet[Operation], dict[str, Any]]:
        model = operations().model
        number = Slot.of(model, "runs", "guard_run") if is_claimed else None
        rows = guard(Slot.of(model, "pk"), number)
        return rows, Change.assignments_of(shape, model)

    return Prepared(build)


@steadily
def update(rows: QuerySet[Operation], change: Change) -> int:
    """Stores a change in rows; returns how many were hit."""
    return rows.update(**change.assignments())


def guarded(pk: PrimaryKey | Slot, number: int | Slot | None) -> QuerySet[Operation]:
    """Returns the row as long as it may be written by whoever asks.

    Arguments:
        pk: primary key of the operation.
        number: the run number of the claim, None without one.
    """
    rows = operations().filter(pk=pk, status=OperationStatus.IN_PROGRESS)
    return rows if number is None else rows.filter(runs=number)
