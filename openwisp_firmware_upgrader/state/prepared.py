"""Statements of the engine that Django turns into SQL once, not at each run.

A worker runs the same two dozen statements for each device. Making SQL of a
queryset costs four times as much processor time as running it (decision 20).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from ..protocols import Operation

# what is read, or what is changed with its assignments
Update: TypeAlias = tuple[QuerySet[Operation], dict[str, Any]]
Built: TypeAlias = QuerySet[Operation] | Update


class Slot(Expression):
    """Stands in a queryset for a value that is given when the statement runs."""

    def __init__(self, name: str, field: Field) -> None:
        """Takes the place of the value ``name``, which ``field`` can store."""
        super().__init__(output_field=field)
        self.name = name

    @classmethod
    def of(cls, model: type[Operation], field_name: str, name: str = "") -> Slot:
        """Returns a slot for what a field of a model stores.

        Arguments:
            model: the model.
            field_name: name of the field, ``pk`` for the primary key.
            name: of the value, the field's without one.
        """
        meta = model._meta  # noqa: SLF001 documented by Django
        field = meta.pk if field_name == "pk" else meta.get_field(field_name)
        return cls(name or field_name, getattr(field, "target_field", field))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, list[Any]]:
        """Returns a placeholder and what tells which value belongs there."""
        return "%s", [Hole(self.name, self.output_field)]


class Hole(NamedTuple):
    """Where a value belongs among the parameters of a statement."""

    name: str
    field: Any


class Compiled(NamedTuple):
    """SQL of one database, its parameters, and converters by column."""

    sql: str
    parameters: tuple[Any, ...]
    converters: tuple[tuple[int, Any, Any], ...] = ()

    def filled(self, values: dict[str, Any]) -> list[Any]:
        """Returns the parameters with values in all holes."""
        return [
            (
                found.field.get_db_prep_save(values[found.name], connection)
                if isinstance(found, Hole)
                else found
            )
            for found in self.parameters
        ]


class Prepared:
    """A statement with slots.

    Arguments:
        build: returns the rows it selects, a ``values_list``, or a pair of the rows
            it updates and their assignments. Called once for each database.
    """

    def __init__(self, build: Callable[[], Built]) -> None:
        self._build = build
        self._known: dict[str, Compiled] = {}

    def update(self, **values: Any) -> int:
        """Runs an UPDATE with these values; returns how many rows it hit."""
        lost_with_it = transaction.mark_for_rollback_on_error(connection.alias)
        with lost_with_it, self._run(_compiled_update, values) as cursor:
            return int(cursor.rowcount)

    def select(self, **values: Any) -> list[tuple[Any, ...]]:
        """Runs a SELECT with these values; returns all its rows."""
        with self._run(_compiled_select, values) as cursor:
            rows = cursor.fetchall()
        return [_converted(row, self._known[connection.alias]) for row in rows]

    def first(self, **values: Any) -> tuple[Any, ...] | None:
        """Runs a SELECT with these values; returns its first row, if any."""
        return next(iter(self.select(**values)), None)

    def _run(
        self, compile_it: Callable[[Built], Compiled], values: dict[str, Any]
    ) -> Any:
        known = self._known.get(connection.alias)
        if known is None:
            known = self._known[connection.alias] = compile_it(self._build())
        cursor = connection.cursor()
        try:
            cursor.execute(known.sql, known.filled(values))
        except BaseException:
            cursor.close()
            raise
        return cursor


def _compiled_update(built: Built) -> Compiled:
    rows, assignments = built
    query = rows.order_by().query.chain(UpdateQuery)
    query.add_update_values(assignments)
    sql, parameters = query.get_compiler(connection=connection).as_sql()
    return Compiled(sql, tuple(parameters))


def _compiled_select(rows: QuerySet[Operation]) -> Compiled:
    compiler = rows.query.get_compiler(connection=connection)
    sql, parameters = compiler.as_sql()
    columns = [column for column, _sql, _alias in compiler.select]
    found = compiler.get_converters(columns).items()
    converters = tuple(
        (number, convert, expression)
        for number, (converts, expression) in found
        for convert in converts
    )
    return Compiled(sql, tuple(parameters), converters)


def _converted(row: tuple[Any, ...], known: Compiled) -> tuple[Any, ...]:
    if not known.converters:
        return row
    values = list(row)
    for number, convert, expression in known.converters:
        values[number] = convert(values[number], expression, connection)
    return tuple(values)
