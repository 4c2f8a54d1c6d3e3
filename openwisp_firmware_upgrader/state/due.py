"""Which second halves are due: looked up for all threads of a process at once.

Each message that a worker takes does the proofs that are due first, so the
question is asked more often than anything else.
"""

from __future__ import annotations

import random
import threading
import time

from django.db.models.functions import Now

from ..protocols import PrimaryKey
from ..statuses import SECOND_HALF, OperationStatus
from . import leases
from .resilience import steadily

# how many are looked up at once
AT_ONCE = 32
# seconds after which a list is read again, and after which an empty one is
FRESH, EMPTY = 1.0, 0.2


class DueProofs:
    """The second halves that were due a moment ago, for whoever has a free slot.

    The list only says where to try: the claim decides, in the database.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[tuple[PrimaryKey, int]] = []
        self._may_be_more = True
        self._read_at = float("-inf")

    def take(self) -> tuple[PrimaryKey, int] | None:
        """Returns primary key and run number of one, None when none is due."""
        with self._lock:
            if self._is_old():
                self._found = _oldest()
                self._read_at = time.monotonic()
                self._may_be_more = len(self._found) == AT_ONCE
                # workers that read the same list try in different orders
                random.shuffle(self._found)
            return self._found.pop() if self._found else None

    def _is_old(self) -> bool:
        age = time.monotonic() - self._read_at
        if self._found:
            return age > FRESH
        return self._may_be_more or age > EMPTY

    def forget(self) -> None:
        """Has the list read again."""
        with self._lock:
            self._found, self._may_be_more = [], True


@steadily
def _oldest() -> list[tuple[PrimaryKey, int]]:
    rows = leases.operations().filter(
        status=OperationStatus.IN_PROGRESS,
        phase__in=SECOND_HALF,
        lease_expires_at__isnull=True,
        next_run_at__lte=Now(),
    )
    return list(rows.order_by("next_run_at").values_list("pk", "runs")[:AT_ONCE])


def claim(seconds: float) -> tuple[PrimaryKey, int] | None:
    """Takes one of the second halves that have been due for the longest time.

    Arguments:
        seconds: length of the lease.

    Returns its primary key and run number, None when none is due.
    """
    return leases.claim_first(iter(due_proofs.take, None), seconds)


due_proofs = DueProofs()
