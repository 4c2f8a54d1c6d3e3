"""How many operations may hold a connection at once, and whose turn is next.

A slot is a lease: it is counted in the database, so that all workers share the
limits, and an expired one counts no more, so that those of a dead worker free
themselves. Operations that wait for a reboot hold nothing.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from .. import settings as app_settings
from ..protocols import Operation, PrimaryKey
from ..statuses import SECOND_HALF, OperationStatus
from . import leases
from .resilience import steadily

# of PostgreSQL's advisory locks, ours alone
LOCK = 0x66770001
# how long a process may rely on its list of those who wait, in seconds
FRESH = 2.0
# how many operations of busy devices are passed over before giving up
TRIES = 8
# wake-ups of one scan when only organizations or batches are limited
WIDE = 64

Owner = tuple[PrimaryKey, PrimaryKey | None]


class Slots:
    """The slots that are taken at one moment.

    Attributes:
        total: how many.
        organizations: how many by primary key of the organization.
        batches: how many by primary key of the mass upgrade.
    """

    def __init__(self) -> None:
        rows = leases.operations().filter(lease_expires_at__gte=Now())
        held = list(rows.values_list("device__organization_id", "batch_id"))
        self.total = len(held)
        self.organizations = Counter(organization for organization, _batch in held)
        self.batches = Counter(batch for _, batch in held if batch is not None)

    @property
    def free(self) -> int:
        """How many slots are left by the total limit."""
        total = app_settings.CONCURRENCY["total"]
        return WIDE if total is None else max(total - self.total, 0)

    def open_to(self, rows: QuerySet[Operation]) -> QuerySet[Operation]:
        """Returns those rows whose organization and batch have a slot left."""
        limits = app_settings.CONCURRENCY
        full = _full(self.organizations, limits["per_organization"])
        if full:
            rows = rows.exclude(device__organization_id__in=full)
        full = _full(self.batches, limits["per_batch"])
        return rows.exclude(batch_id__in=full) if full else rows

    def are_open_to(self, organization: PrimaryKey, batch: PrimaryKey | None) -> bool:
        """Tells whether an organization and a batch have a slot left."""
        limits = app_settings.CONCURRENCY
        return (
            organization not in _full(self.organizations, limits["per_organization"])
        ) and batch not in _full(self.batches, limits["per_batch"])

    def rank(self, owner: Owner) -> tuple[int, int, float]:
        """Returns the key that puts first who has the fewest slots.

        Among equals chance decides: it needs no memory that workers would share.
        """
        organization, batch = owner
        return (
            self.organizations[organization],
            self.batches[batch],
            random.random(),  # noqa: S311 fairness, no secret
        )


def _full(taken: Counter[PrimaryKey], limit: int | None) -> list[PrimaryKey]:
    if limit is None:
        return []
    return [key for key, number in taken.items() if number >= limit]


@steadily
def claim_next(
    seconds: float, hint: PrimaryKey | None = None
) -> tuple[PrimaryKey, int] | None:
    """Takes the lease of the operation whose turn it is.

    Proofs that are due come first. Then the organization, and in it the mass
    upgrade, that holds the fewest slots gets the next one.

    Arguments:
        seconds: length of the lease.
        hint: primary key of the operation that the wake-up was for.

    Returns its primary key and run number, None when nothing may start.
    """
    with transaction.atomic():
        _take_turns()
        slots = Slots()
        if not slots.free:
            return None
        tried = islice(_candidates(slots, hint), TRIES)
        return leases.claim_first(tried, seconds)


@steadily
def claim_clean_up(pk: PrimaryKey, run: int, seconds: float) -> bool:
    """Takes a cancelled operation for its clean-up visit, if a slot is left."""
    with transaction.atomic():
        _take_turns()
        rows = leases.operations().filter(pk=pk)
        slots = Slots()
        if not (slots.free and slots.open_to(rows).exists()):
            return False
        return leases.claim_clean_up(pk, run, seconds)


def _take_turns() -> None:
    # counting and claiming are one step for all workers; on SQLite any UPDATE
    # takes the one write lock there is, here before anything is read
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    else:
        leases.operations().filter(pk=UUID(int=0)).update(runs=F("runs"))


def due() -> QuerySet[Operation]:
    """Returns the operations that nobody holds and whose time has come."""
    return leases.operations().filter(
        Q(next_run_at__isnull=True) | Q(next_run_at__lte=Now()),
        status=OperationStatus.IN_PROGRESS,
        lease_expires_at__isnull=True,
    )


def _candidates(
    slots: Slots, hint: PrimaryKey | None
) -> Iterator[tuple[PrimaryKey, int]]:
    rows = slots.open_to(due().order_by("next_run_at"))
    proofs = rows.filter(phase__in=SECOND_HALF)
    yield from proofs.values_list("pk", "runs")[:TRIES]
    _waiting.note(hint)
    for _look in range(2):
        for organization, batch in sorted(_waiting.owners(), key=slots.rank):
            mine = rows.filter(device__organization_id=organization, batch_id=batch)
            mine = mine.exclude(phase__in=SECOND_HALF)
            found = list(mine.values_list("pk", "runs")[:TRIES])
            yield from found
            if not found and slots.are_open_to(organization, batch):
                _waiting.forget()
        if _waiting.is_known:
            return


class Waiting:
    """Who has operations waiting, as this process last saw it.

    The list costs a look at every operation that waits, so it is read every
    two seconds at most, and when somebody on it turns out to wait no more.
    """

    def __init__(self) -> None:
        self._owners: set[Owner] = set()
        self._read_at = 0.0
        self.is_known = False

    def owners(self) -> list[Owner]:
        """Returns pairs of organization and batch (None without one)."""
        now = time.monotonic()
        if not self.is_known or not self._owners or now > self._read_at + FRESH:
            self._owners = set(_owners_of(due()).distinct())
            self._read_at, self.is_known = now, True
        return list(self._owners)

    def note(self, pk: PrimaryKey | None) -> None:
        """Adds whose turn a wake-up for the operation ``pk`` may be."""
        self._owners.update(_owners_of(due().filter(pk=pk)))

    def forget(self) -> None:
        """Has the list read again: it is not true any more."""
        self.is_known = False


def _owners_of(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    rows = rows.exclude(phase__in=SECOND_HALF).order_by()
    return rows.values_list("device__organization_id", "batch_id")


_waiting = Waiting()
