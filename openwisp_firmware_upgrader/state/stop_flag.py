"""Whether a thread that works on an operation must stop, and why."""

from __future__ import annotations

import time

from ..exceptions import FirmwareUpgraderException, LeaseLost, TimeLimitExceeded

# seconds a thread has to leave by itself before its connection is cut
GRACE = 1.0


class StopFlag:
    """Cancel, lost lease or deadline; set by the keeper, read by the thread.

    Attributes:
        reason: why the thread must stop, None while it may go on.
        lease: length of the lease in seconds.
        renewed_at: monotonic time of its last renewal.
    """

    def __init__(self, *, limit: float, lease: float) -> None:
        """Starts the clock.

        Arguments:
            limit: seconds until the deadline.
            lease: seconds until the lease runs out, unless it is renewed.
        """
        now = time.monotonic()
        self.lease = lease
        self.renewed_at = now
        self.reason: FirmwareUpgraderException | None = None
        self._deadline = now + limit
        self._set_at: float | None = None

    def watch_clock(self) -> None:
        """Sets the flag when the deadline or the lease has passed."""
        now = time.monotonic()
        if now > self.renewed_at + self.lease:
            self.set(LeaseLost())
        elif now > self._deadline:
            self.set(TimeLimitExceeded())

    def set(self, reason: FirmwareUpgraderException) -> None:
        """Sets the flag; a lost lease outranks every other reason."""
        if self.reason is None or isinstance(reason, LeaseLost):
            self.reason = reason
        if self._set_at is None:
            self._set_at = time.monotonic()

    def was_ignored(self) -> bool:
        """Tells whether the thread has had its chance to leave by itself."""
        return self._set_at is not None and time.monotonic() > self._set_at + GRACE

    def has_to_be_renewed(self, now: float) -> bool:
        """Tells whether the lease is to be renewed at a monotonic time.

        A cancelled operation keeps it while its thread cleans up; one that is past
        its deadline gets as long as its lease lasts.
        """
        gives_up = isinstance(self.reason, LeaseLost | TimeLimitExceeded)
        return not gives_up and now > self.renewed_at + self.lease / 3
