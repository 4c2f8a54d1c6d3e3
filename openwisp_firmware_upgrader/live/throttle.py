"""Keeps events of one kind from being sent too often."""

from __future__ import annotations

import threading
import time

REMEMBERED = 10_000

_last: dict[str, float] = {}
_lock = threading.Lock()


def allows(key: str, seconds: float) -> bool:
    """Tells whether the last event of this key was long enough ago.

    Arguments:
        key: what the events are about.
        seconds: the shortest time between two of them.
    """
    now = time.monotonic()
    with _lock:
        if now - _last.get(key, -seconds) < seconds:
            return False
        if len(_last) >= REMEMBERED:
            _last.clear()
        _last[key] = now
        return True
