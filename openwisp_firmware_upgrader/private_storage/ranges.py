"""The header ``Range``: which part of a file a client asks for."""

from __future__ import annotations

import re

ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


class RangeNotSatisfiable(ValueError):
    """No byte of the file lies in the range."""


def asked_range(header: str, size: int) -> tuple[int, int] | None:
    """Returns the part of a file that a client asks for.

    Arguments:
        header: value of the header ``Range``, empty without one.
        size: size of the file in bytes.

    Returns the first byte and the one after the last. None stands for the whole
    file: no range, one that cannot be read, or several, all of which a server
    may leave unheeded. Raises RangeNotSatisfiable.
    """
    match = ONE_RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise RangeNotSatisfiable(header)
    return start, stop
