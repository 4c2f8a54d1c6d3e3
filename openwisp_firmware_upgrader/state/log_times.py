"""When each part of a log was stored, beside the log itself.

The column ``log_times`` holds one line for each write that made the log longer:
the length of the log before, in characters, and the time of the database in
seconds since 1970. The log stays as it was, whoever reads it needs nothing of this.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, TextField
from django.db.models.sql.compiler import SQLCompiler

# a statement and its parameters
Sql: TypeAlias = tuple[str, list[Any]]

# loaded by nobody who only moves an operation on
HEAVY = ("log", "log_times")

# characters that times may have more than their log
SPARE = 256


class Stamped(Func):
    """The times with one more, for a write that appends to the log.

    They hardly get longer than the log: where many lines are shorter than a time,
    some have none.
    """

    output_field = TextField()
    arity = 2
    now = "FLOOR(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP()))::bigint"
    now_of_sqlite = "strftime('%%s', 'now')"
    template = (
        "CASE WHEN LENGTH(%(log)s) >= %(limit)s "
        "OR LENGTH(%(times)s) > LENGTH(%(log)s) + %(spare)s THEN %(times)s "
        "ELSE %(times)s || LENGTH(%(log)s) || ' ' || %(now)s || '\n' END"
    )

    def __init__(self, limit: int) -> None:
        """Stamps unless the log has ``limit`` characters and takes no more."""
        self._limit = int(limit)
        super().__init__(F("log"), F("log_times"))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: object
    ) -> Sql:
        """Returns SQL of PostgreSQL, or of whoever else tells the time by ``now``."""
        (log, _), (times, _) = (
            compiler.compile(part) for part in self.source_expressions
        )
        names = {"log": log, "times": times, "limit": self._limit, "spare": SPARE}
        return self.template % {**names, "now": extra.get("now", self.now)}, []

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: object
    ) -> Sql:
        """Returns SQL of SQLite."""
        return self.as_sql(compiler, connection, now=self.now_of_sqlite)


class FirstTime(Func):
    """The times of a row that is inserted with a log."""

    output_field = TextField()
    arity = 0

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: object
    ) -> Sql:
        """Returns SQL of PostgreSQL."""
        return f"'0 ' || {Stamped.now} || '\n'", []

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: object
    ) -> Sql:
        """Returns SQL of SQLite."""
        return f"'0 ' || {Stamped.now_of_sqlite} || '\n'", []


def parsed(times: str) -> dict[int, int]:
    """Returns when lines were stored: seconds since 1970 by place of the line.

    The place is the number of characters of the log before the line. The lines
    that were stored by the same write after the first one are not in it.

    Arguments:
        times: what the column holds, or the end of it.
    """
    found: dict[int, int] = {}
    for line in times.splitlines():
        length, _, moment = line.partition(" ")
        if length.isdigit() and moment.isdigit():
            # all but the first line come after a newline
            place = int(length) + 1 if int(length) else 0
            found[place] = int(moment)
    return found
