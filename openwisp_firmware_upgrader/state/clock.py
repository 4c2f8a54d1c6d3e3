"""How the engine sleeps."""

from __future__ import annotations

import threading


def nap(seconds: float) -> None:
    """Waits, measured by the monotonic clock.

    ``time.sleep`` raises an error in processes whose clock is shifted by
    libfaketime, and a keeper that stops for it loses every lease.
    """
    threading.Event().wait(max(0.0, seconds))
