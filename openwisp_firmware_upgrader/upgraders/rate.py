"""How fast images may leave: the caps an operator sets for thin uplinks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from .. import settings as app_settings
from ..state.clock import nap

# the longest nap between two looks at the stop flag, in seconds
NAP = 0.5


class Meter:
    """Hands out sending time so that all who share it stay below a rate."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    def book(self, size: int, rate: float) -> float:
        """Books the time that some bytes take.

        Arguments:
            size: bytes that have just been sent.
            rate: bytes a second.

        Returns when the next bytes may go, as monotonic time in seconds.
        """
        with self._lock:
            start = max(self._free_at, time.monotonic())
            self._free_at = start + size / rate
            return self._free_at


# shared by all uploads of this worker process
_worker = Meter()


class Reports:
    """How often the uploads of a worker process may store their progress.

    Each write costs as much as sending some 50 KB: sixty uploads in one process
    that all write every second would spend half of it on percentages.
    """

    EVERY = 1.0
    # of all uploads together, a second
    AT_MOST = 10

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads = 0

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """Counts an upload as long as it runs."""
        with self._lock:
            self._uploads += 1
        try:
            yield
        finally:
            with self._lock:
                self._uploads -= 1

    @property
    def pause(self) -> float:
        """The seconds between two reports of one upload."""
        return max(self.EVERY, self._uploads / self.AT_MOST)


class Throttle:
    """Holds one upload to the rates of its device and of its worker process."""

    def __init__(self) -> None:
        self._device = Meter()
        self._sent = 0

    def wait(self, sent: int, check: Callable[[], None]) -> None:
        """Waits until the next piece may go.

        Arguments:
            sent: how many bytes of this upload have been sent.
            check: called at least every half second; what it raises ends the wait.
        """
        size, self._sent = sent - self._sent, sent
        if not any(app_settings.UPLOAD_RATE.values()):
            return
        until = max(self._due_times(size), default=0.0)
        while (left := until - time.monotonic()) > 0:
            check()
            nap(min(left, NAP))

    def _due_times(self, size: int) -> list[float]:
        rates = app_settings.UPLOAD_RATE
        meters = ((self._device, "per_device"), (_worker, "per_worker"))
        return [
            meter.book(size, rate)
            for meter, name in meters
            if (rate := rates[name]) is not None and size > 0
        ]
