"""The text of an operation's log: cleaned, capped, appended in the database."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, TextField, Value, When
from django.db.models.functions import Concat, Length
from django.db.models.lookups import GreaterThanOrEqual

TEXT_LIMIT = 16 * 1024
LOG_LIMIT = 1024 * 1024


def clean(text: object) -> str:
    """Returns text of a device as any database can store it.

    NUL and surrogates are replaced, more than 16 KiB is cut.
    """
    kept = str(text).replace("\x00", "\ufffd")
    kept = kept.encode("utf-8", "replace").decode("utf-8")
    return kept if len(kept) <= TEXT_LIMIT else f"{kept[:TEXT_LIMIT]}…"


def appended(text: str, *, capped: bool) -> Case:
    """Returns the log with a text appended, as an expression of the database.

    Arguments:
        text: one or more lines.
        capped: whether a log of 1 MB takes no more.
    """
    cases = [When(log="", then=Value(text, TextField()))]
    # the line that explains the end is stored whatever the size
    if capped:
        full = GreaterThanOrEqual(Length("log"), LOG_LIMIT)
        cases.append(When(full, then=F("log")))
    joined = Concat(F("log"), Value(f"\n{text}"), output_field=TextField())
    return Case(*cases, default=joined)


def take_pending(operation: Any) -> list[str]:
    """Returns the buffered log lines and empties the buffer."""
    lines = operation.__dict__.pop("_pending_lines", [])
    return [clean(line) for line in lines]
