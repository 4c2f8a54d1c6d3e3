"""Odd values, as texts, in addresses and in JSON."""

from __future__ import annotations

from urllib.parse import quote

from ..hostile import NUL, VALUES
from ..world import UNKNOWN

# more than Python reads as a number
LONG = "9" * 5000
TEXTS = (
    *(NUL, "a\x00b", "\ud800", "a\udfffb", "\U0001f600", "\u202eabc", "²", "٣"),
    *("", " ", "abc", "None", "null", "true", "on", "0", "1", "-1", "1.5", "1e999"),
    *("nan", "-inf", "9" * 19, "9" * 30, LONG, "0x10", "[", "[]", "{}", '{"c": 1}'),
    *('{"c": "\\u0000"}', '"\\ud800"', "[" * 3000, "'", '"', "(", "%", "%s", "{0}"),
    *("\\", "../..", "/", "?", "a,b", ",", "a b", "\n", "<b>", "__", "pk", "-pk"),
    *("0001-01-01", "9999-12-31T23:59:59-23:59", "2024-13-45", "2024-02-30 25:61"),
    *("a" * 300, UNKNOWN, UNKNOWN.replace("-", ""), f"{{{UNKNOWN}}}", UNKNOWN.upper()),
    *("in-progress", "failed", "success", "idle"),
)
# what is no text: bytes as they stand in an address
RAW = ("%00", "%FF%FE", "%ED%A0%80", "%", "%zz", "+", "%C0%80", "%2F", "%2e%2e%2f")
NUMBERS = ("0", "1", "2", "3", "-1", "", NUL, "abc", "1.5", "²", "9" * 30, LONG)
# takes as long as hundreds of others
LARGE = ("a" * 70_000, "[" * 100_000)
RARE = 0.002


def happens(chance, share):
    """Tells whether something happens that does so in a share of all cases."""
    return chance.random() < share


def text(chance):
    """Returns an odd text."""
    return chance.choice(LARGE if happens(chance, RARE) else TEXTS)


def in_address(chance, value=None):
    """Returns a text, by default an odd one, as it stands in an address."""
    if value is None and happens(chance, 0.2):
        return chance.choice(RAW)
    value = chance.choice(TEXTS) if value is None else value
    return quote(str(value).encode("utf-8", "surrogatepass"), safe="")


def json_value(chance):
    """Returns an odd value of JSON."""
    if happens(chance, 0.5):
        return text(chance)
    found = chance.choice(VALUES)
    if isinstance(found, str) and len(found) > 999 and not happens(chance, RARE):
        return [chance.choice(TEXTS), {chance.choice(TEXTS): chance.choice(TEXTS)}]
    return found
