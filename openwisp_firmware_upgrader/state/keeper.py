"""The one thread of a worker process that looks after its operations.

It renews leases and watches for cancels, lost leases and passed deadlines. What
it finds is a stop flag for the thread at work; when that thread does not leave
in time its connection is cut, which frees a blocked call at once.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import connection
from openwisp_controller.connection.settings import (
    SSH_AUTH_TIMEOUT,
    SSH_BANNER_TIMEOUT,
    SSH_CONNECTION_TIMEOUT,
)

from ..exceptions import (
    FirmwareUpgraderException,
    LeaseLost,
    TimeLimitExceeded,
    UpgradeCancelled,
)
from ..protocols import DeviceConnection, Operation, PrimaryKey
from ..statuses import OperationStatus
from . import leases
from .clock import nap

logger = logging.getLogger(__name__)

PERIOD = 1.0
GRACE = 1.0


class Hold:
    """What a thread of this process holds: one run of one operation.

    Attributes:
        pk: primary key of the operation.
        run: the run number of this claim.
        deadline: monotonic time in seconds at which the half must have ended.
        connection: the device connection to cut, once there is one.
        reason: why the thread must stop, None while it may go on.
        is_watched: whether the keeper looks after it.
    """

    def __init__(self, pk: PrimaryKey, run: int, *, limit: float, lease: float) -> None:
        now = time.monotonic()
        self.pk = pk
        self.run = run
        self.deadline = now + limit
        self.lease = lease
        self.renewed_at = now
        self.connection: DeviceConnection | None = None
        # monotonic time in seconds at which it must be open, None while none is opened
        self.connected_by: float | None = None
        self.reason: FirmwareUpgraderException | None = None
        self.stopped_at: float | None = None
        self.cut = False
        self.is_watched = False
        # seconds until the operation is due again, set by whoever suspends it
        self.wake_in: float | None = None

    def check(self) -> None:
        """Raises why the thread must stop: cancel, lost lease or deadline."""
        self.watch_clock()
        if self.reason is not None:
            raise self.reason

    def watch_clock(self) -> None:
        """Stops the thread when its deadline or its lease has passed."""
        now = time.monotonic()
        if now > self.renewed_at + self.lease:
            self.stop(LeaseLost())
        elif now > self.deadline:
            self.stop(TimeLimitExceeded())

    def stop(self, reason: FirmwareUpgraderException) -> None:
        """Sets the stop flag; a lost lease outranks every other reason."""
        if self.reason is None or isinstance(reason, LeaseLost):
            self.reason = reason
        if self.stopped_at is None:
            self.stopped_at = time.monotonic()

    def must_be_cut(self) -> bool:
        """Tells whether the thread has had its chance to leave by itself."""
        if self.cut or self.stopped_at is None:
            return False
        return time.monotonic() > self.stopped_at + GRACE

    def cut_connection(self) -> None:
        """Closes the connection, once: the clean-up may open another one."""
        self.cut = True
        self._close_connection()

    def watch_connecting(self) -> None:
        """Closes a connection that has been opening for too long."""
        limit = self.connected_by
        if limit is not None and time.monotonic() > limit:
            self.connected_by = None
            self._close_connection()

    def _close_connection(self) -> None:
        if self.connection is None:
            return
        try:
            self.connection.disconnect()
        except Exception:  # noqa: BLE001 connectors of third parties raise anything
            logger.warning("Could not cut a connection", exc_info=True)


class Keeper:
    """Looks after all holds of one process, in one thread."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._holds: set[Hold] = set()
        self._thread: threading.Thread | None = None

    def add(self, hold: Hold) -> None:
        """Begins to look after a hold."""
        with self._lock:
            self._holds.add(hold)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="firmware-keeper", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def remove(self, hold: Hold) -> None:
        """Ends looking after a hold."""
        with self._lock:
            self._holds.discard(hold)

    def belongs_here(self) -> bool:
        """Tells whether this keeper was made by this process, not its parent."""
        return self._pid == os.getpid()

    def _run(self) -> None:
        while True:
            with self._lock:
                holds = list(self._holds)
                if not holds:
                    self._wake.clear()
            if not holds:
                connection.close()
                self._wake.wait()
                continue
            self._look_after(holds)
            nap(PERIOD)

    def _look_after(self, holds: list[Hold]) -> None:
        try:
            self._compare(holds)
            self._renew(holds)
        except DatabaseError:
            logger.warning("The keeper cannot reach the database", exc_info=True)
            connection.close()
        except Exception:  # noqa: BLE001 the keeper must outlive everything
            logger.exception("The keeper failed, it tries again")
        for hold in holds:
            hold.watch_clock()
            hold.watch_connecting()
            if hold.must_be_cut():
                hold.cut_connection()

    def _compare(self, holds: list[Hold]) -> None:
        rows = leases.operations().filter(pk__in=[hold.pk for hold in holds])
        found = {row[0]: row[1:] for row in rows.values_list("pk", "runs", "status")}
        for hold in holds:
            run, status = found.get(hold.pk, (None, None))
            if run != hold.run:
                hold.stop(LeaseLost())
            elif status == OperationStatus.CANCELLED:
                hold.stop(UpgradeCancelled())

    def _renew(self, holds: list[Hold]) -> None:
        now = time.monotonic()
        due = [
            hold
            for hold in holds
            if now > hold.renewed_at + hold.lease / 3 and may_be_renewed(hold)
        ]
        if not due:
            return
        leases.renew([(hold.pk, hold.run) for hold in due], due[0].lease)
        for hold in due:
            hold.renewed_at = now


@contextmanager
def connecting(operation: Operation, connection: DeviceConnection) -> Iterator[None]:
    """Bounds how long it takes to open a connection, by the monotonic clock.

    paramiko goes by the clock of the server: put back by an hour it waits for an
    hour when the device falls silent at that moment.

    Arguments:
        operation: the operation at work.
        connection: the ``DeviceConnection`` that is being opened.
    """
    if not watches(operation):
        yield
        return
    held = operation.hold
    held.connection = connection
    held.connected_by = time.monotonic() + _patience_with(connection)
    try:
        yield
    finally:
        held.connected_by = None


def _patience_with(connection: DeviceConnection) -> float:
    # connecting and key exchange, then banner, then a second try to log in
    waits = 2 * SSH_CONNECTION_TIMEOUT + SSH_BANNER_TIMEOUT + 2 * SSH_AUTH_TIMEOUT
    return max(1, len(connection.get_addresses())) * (waits + GRACE)


def watches(operation: Operation) -> bool:
    """Tells whether a worker is at work on an operation, watched by its keeper."""
    return operation.hold is not None and operation.hold.is_watched


def may_be_renewed(hold: Hold) -> bool:
    """Tells whether a hold keeps its lease.

    A cancelled operation keeps it while its thread cleans up; one that is past
    its deadline gets as long as its lease lasts.
    """
    return not isinstance(hold.reason, LeaseLost | TimeLimitExceeded)


_keeper: Keeper | None = None
_keeper_lock = threading.Lock()


def the_keeper() -> Keeper:
    """Returns the keeper of this process, made anew after a fork."""
    global _keeper  # noqa: PLW0603 one keeper per process is the point
    with _keeper_lock:
        if _keeper is None or not _keeper.belongs_here():
            _keeper = Keeper()
        return _keeper


@contextmanager
def hold(
    operation: Operation, run: int, *, limit: float, lease: float, watched: bool = True
) -> Iterator[Hold]:
    """Holds a claimed operation while a thread works on it.

    Arguments:
        operation: the operation, whose ``hold`` is set meanwhile.
        run: the run number of the claim.
        limit: seconds this half may take.
        lease: length of the lease in seconds.
        watched: False where no thread may be started (the caller's own process).
    """
    held = Hold(operation.pk, run, limit=limit, lease=lease)
    held.is_watched = watched
    operation.hold = held
    keeper = the_keeper() if watched else None
    if keeper is not None:
        keeper.add(held)
    try:
        yield held
    finally:
        if keeper is not None:
            keeper.remove(held)
        operation.hold = None
