"""What devices, images and clients say, made fit to be stored and shown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
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
# what moves the cursor, the colours or the direction of writing, and what breaks lines
# where nobody sees why: control characters but newline and tab, formatting
# characters but those that languages need to join letters
INVISIBLE = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# how lines in the words of somebody else begin
QUOTE = "> "
NEXT_LINE = re.compile(f"\n(?!{QUOTE})(?=.)", re.DOTALL)


def safe_str(value: object) -> str:
    """Returns a value as text, the name of its class where it has none.

    An error of a library may raise another one when it is asked what it says:
    those of openwisp-controller for a wrong key do.
    """
    try:
        return str(value)
    except Exception:  # noqa: BLE001 the error itself matters more
        return type(value).__name__


def message_of(error: BaseException) -> str:
    """Returns what an error says, the name of its class where it says nothing."""
    return safe_str(error) or type(error).__name__


def clean(text: object, limit: int = TEXT_LIMIT) -> str:
    """Returns text as an entry of a log, cut after ``limit`` characters.

    NUL and lone surrogates are replaced, what cannot be seen is written as Python
    would (``\\x1b``). Cleaning twice changes nothing.
    """
    return _cut(visible(safe_str(text).replace("\r\n", "\n")), limit)


def inline(text: object, limit: int = TEXT_LIMIT) -> str:
    """Returns what somebody else says as a part of a sentence of ours.

    Its further lines begin with ``> ``, so none looks like one of ours.
    """
    return _cut(NEXT_LINE.sub(f"\n{QUOTE}", clean(text)), limit)


def quoted(text: object) -> str:
    """Returns an entry of a log that is all of it somebody else's, ``> `` before it."""
    words = safe_str(text)
    return inline(f"{QUOTE}{words}") if words.strip() else ""


def visible(text: str) -> str:
    """Returns text whose characters can be stored and seen; lines stay lines."""
    return INVISIBLE.sub(_escaped, _storable(text))


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()


def _storable(text: str) -> str:
    return UNSTORABLE.sub("\ufffd", text)


def _cut(text: str, limit: int = TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def clean_fact(value: object) -> str:
    """Returns a fact that should be a short text, blank when it is unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    is_number = not isinstance(value, str)
    if is_number and clean_json(value) is None:
        return ""
    return clean(" ".join(str(value).split()), FACT_LIMIT)


def clean_json(
    value: object, depth: int = DEPTH, clean_text: Callable[[str], str] = visible
) -> Any:
    """Returns a value as JSON columns take it.

    Texts are made visible and cut, objects get texts as keys. None stands for what
    cannot be stored: NaN, infinity, numbers of more than 64 bits, what is nested more
    than 32 times, and what is no JSON.
    """
    if isinstance(value, str):
        return _cut(clean_text(value))
    if isinstance(value, dict | list | tuple):
        return _clean_container(value, depth - 1, clean_text) if depth > 0 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else None
    return None


def _clean_container(
    value: dict[object, object] | list[object] | tuple[object, ...],
    depth: int,
    clean_text: Callable[[str], str],
) -> object:
    if not isinstance(value, dict):
        return [clean_json(each, depth, clean_text) for each in value]
    return {
        _cut(clean_text(str(key))): clean_json(each, depth, clean_text)
        for key, each in value.items()
    }


def is_storable(value: object) -> bool:
    """Tells whether a value from JSON is stored as it is."""
    return bool(clean_json(value, clean_text=_storable) == value)


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
