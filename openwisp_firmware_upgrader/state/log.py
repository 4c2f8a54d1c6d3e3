"""The text of an operation's log: cleaned, capped, appended in the database."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, TextField
from django.db.models.expressions import Combinable
from django.db.models.sql.compiler import SQLCompiler

from .evidence import Evidence
from .log_times import Sql, Stamped

LOG_LIMIT = 1024 * 1024
ENDLESS = 2**31 - 1
REASON_LIMIT = 12


class Appended(Func):
    """The log with a text appended.

    One expression of our own: built of Django's ``Case``, ``When`` and ``Concat``
    it took a third of the time of every write of a worker.
    """

    output_field = TextField()
    arity = 3
    template = (
        "CASE WHEN %(log)s = '' THEN %(first)s "
        "WHEN LENGTH(%(log)s) >= %(limit)s THEN %(log)s "
        "ELSE %(log)s || %(more)s END"
    )

    def __init__(self, first: Combinable, more: Combinable, limit: int) -> None:
        """Appends unless the log has ``limit`` characters.

        Arguments:
            first: the expression that begins an empty log.
            more: the one that continues a log.
            limit: length from which on the log stays as it is.
        """
        self._limit = int(limit)
        super().__init__(F("log"), first, more)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: object
    ) -> Sql:
        """Returns SQL that PostgreSQL and SQLite understand."""
        (log, _), (first, one), (more, two) = (
            compiler.compile(part) for part in self.source_expressions
        )
        names = {"log": log, "first": first, "more": more, "limit": self._limit}
        return self.template % names, [*one, *two]


def appended(first: Combinable, more: Combinable, *, capped: bool) -> dict[str, Func]:
    """Returns the assignments that append a text to the log, and when.

    Arguments:
        first: the expression of the text as it begins a log.
        more: the expression of the text as it continues one.
        capped: whether a log of 1 MB takes no more.
    """
    # the line that explains the end is stored whatever the size
    limit = LOG_LIMIT if capped else ENDLESS
    return {"log": Appended(first, more, limit), "log_times": Stamped(limit)}


def count_lines(lines: list[str]) -> int:
    """Returns how many lines some entries take in a log."""
    return "\n".join(lines).count("\n") + 1


def reason(log: str, evidence: Mapping[str, object] | None) -> str:
    """Returns why an operation ended: the sentence of the engine, what a device said.

    Arguments:
        log: of an operation that has ended, or the end of its log.
        evidence: what its row holds.
    """
    lines = log.strip().split("\n")[-Evidence.load(evidence).reason_lines :]
    return "\n".join(lines[:REASON_LIMIT])
