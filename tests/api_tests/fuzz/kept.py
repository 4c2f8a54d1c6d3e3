"""Requests that once found something, written so that they mean the same for ever.

A number makes another request as soon as any list of values grows by one. Keys of
objects are written as ``<own.build>``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("kept.txt")


@dataclass(frozen=True)
class Request:
    """One request, all that is random about it."""

    method: str
    url: str
    body: bytes
    kind: str
    headers: dict[str, str]

    def has(self, key):
        """Tells whether the request itself names a key."""
        return key in self.url or key.encode() in self.body


def marks(world):
    """Returns what is written for the keys of objects."""
    return {
        str(row.pk): f"<{target}.{name}>"
        for target, rows in world.targets.items()
        for name, row in vars(rows).items()
        if row is not None
    }


def written(role, request, world):
    """Returns the line that keeps a request of a role."""
    values = {**asdict(request), "body": request.body.decode("latin-1")}
    line = json.dumps({"role": role, **values})
    for key, mark in marks(world).items():
        line = line.replace(key, mark)
    return line


def read(text, world):
    """Yields (role, request) of each line of a text."""
    for key, mark in marks(world).items():
        text = text.replace(mark, key)
    for line in text.splitlines():
        values = json.loads(line)
        role, body = values.pop("role"), values.pop("body").encode("latin-1")
        yield role, Request(**values, body=body)
