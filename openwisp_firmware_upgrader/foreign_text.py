"""What devices, images and clients say, made fit to be stored."""

from __future__ import annotations

import json
import math
import re
from typing import Any

TEXT_LIMIT = 16 * 1024
# of a fact that is one word or one line: a release, an id
FACT_LIMIT = 255
# of objects and lists in each other
DEPTH = 32
# what a column of a database takes
LARGEST = 2**63 - 1
DIGITS = re.compile(r"\s*([0-9]{1,18})\s*")
# no database stores the one, no encoding the others
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: object, limit: int = TEXT_LIMIT) -> str:
    """Returns text as any database can store it, cut after ``limit`` characters.

    NUL and lone surrogates are replaced. Cleaning twice changes nothing.
    """
    kept = UNSTORABLE.sub("\ufffd", str(text))
    return kept if len(kept) <= limit else f"{kept[:limit]}…"


def clean_fact(value: object) -> str:
    """Returns a fact that should be a short text, blank when it is unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    is_number = not isinstance(value, str)
    if is_number and clean_json(value) is None:
        return ""
    return clean(" ".join(str(value).split()), FACT_LIMIT)


def clean_json(value: Any, depth: int = DEPTH) -> Any:
    """Returns a value as JSON columns take it.

    Texts are cleaned, objects get texts as keys. None stands for what cannot be
    stored: NaN, infinity, numbers of more than 64 bits, what is nested more than
    32 times, and what is no JSON.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict | list | tuple):
        return _clean_container(value, depth - 1) if depth > 0 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else None
    return None


def _clean_container(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        items = value.items()
        return {clean(key): clean_json(each, depth) for key, each in items}
    return [clean_json(each, depth) for each in value]


def is_storable(value: Any) -> bool:
    """Tells whether a value from JSON is stored as it is."""
    return bool(clean_json(value) == value)


def parse_json(text: str | bytes) -> Any:
    """Returns what a text says as JSON, None when it cannot be understood."""
    try:
        return clean_json(json.loads(text))
    except (ValueError, RecursionError):
        # numbers of thousands of digits are a ValueError, too
        return None


def parse_number(text: str) -> int | None:
    """Returns a number without sign, None when the text is none.

    Only digits of ASCII count: what ``isdigit`` takes, ``int`` may refuse.
    """
    found = DIGITS.fullmatch(text)
    return int(found.group(1)) if found else None
