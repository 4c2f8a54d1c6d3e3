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

from ..exceptions import LeaseLost, UpgradeCancelled
from ..protocols import DeviceConnection
from ..statuses import OperationStatus
from . import leases
from .clock import nap
from .run import Run
from .stop_flag import GRACE

logger = logging.getLogger(__name__)

PERIOD = 1.0


class Keeper:
    """Looks after all runs of one process, in one thread."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._runs: set[Run] = set()
        self._thread: threading.Thread | None = None

    def add(self, run: Run) -> None:
        """Begins to look after a run."""
        with self._lock:
            self._runs.add(run)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="firmware-keeper", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def remove(self, run: Run) -> None:
        """Ends looking after a run."""
        with self._lock:
            self._runs.discard(run)

    def belongs_here(self) -> bool:
        """Tells whether this keeper was made by this process, not its parent."""
        return self._pid == os.getpid()

    def _run(self) -> None:
        while True:
            with self._lock:
                runs = list(self._runs)
                if not runs:
                    self._wake.clear()
            if not runs:
                connection.close()
                self._wake.wait()
                continue
            self._look_after(runs)
            nap(PERIOD)

    def _look_after(self, runs: list[Run]) -> None:
        try:
            self._compare(runs)
            self._renew(runs)
        except DatabaseError:
            logger.warning("The keeper cannot reach the database", exc_info=True)
            connection.close()
        except Exception:  # noqa: BLE001 the keeper must outlive everything
            logger.exception("The keeper failed, it tries again")
        for run in runs:
            run.stop.watch_clock()
            _watch_connecting(run)
            if _has_to_be_cut(run):
                # once: tidying up may open another one
                run.was_cut = True
                _close_connection(run)

    def _compare(self, runs: list[Run]) -> None:
        rows = leases.operations().filter(pk__in=[run.operation.pk for run in runs])
        found = {row[0]: row[1:] for row in rows.values_list("pk", "runs", "status")}
        for run in runs:
            number, status = found.get(run.operation.pk, (None, None))
            if number != run.number:
                run.stop.set(LeaseLost())
            elif status == OperationStatus.CANCELLED and not run.follows_cancel:
                run.stop.set(UpgradeCancelled())

    def _renew(self, runs: list[Run]) -> None:
        now = time.monotonic()
        due = [run for run in runs if run.stop.has_to_be_renewed(now)]
        if not due:
            return
        held = [(run.operation.pk, run.number or 0) for run in due]
        leases.renew(held, due[0].stop.lease)
        for run in due:
            run.stop.renewed_at = now


def _has_to_be_cut(run: Run) -> bool:
    return not run.was_cut and run.stop.was_ignored()


def _watch_connecting(run: Run) -> None:
    limit = run.connected_by
    if limit is not None and time.monotonic() > limit:
        run.connected_by = None
        _close_connection(run)


def _close_connection(run: Run) -> None:
    if run.connection is None:
        return
    try:
        run.connection.disconnect()
    except Exception:  # noqa: BLE001 connectors of third parties raise anything
        logger.warning("Could not cut a connection", exc_info=True)


@contextmanager
def connecting(run: Run, connection: DeviceConnection) -> Iterator[None]:
    """Bounds how long it takes to open a connection, by the monotonic clock.

    paramiko goes by the clock of the server: put back by an hour it waits for an
    hour when the device falls silent at that moment.

    Arguments:
        run: the run at work.
        connection: the ``DeviceConnection`` that is being opened.
    """
    if not run.is_watched:
        yield
        return
    run.connection = connection
    run.connected_by = time.monotonic() + _patience_with(connection)
    try:
        yield
    finally:
        run.connected_by = None


def _patience_with(connection: DeviceConnection) -> float:
    # connecting and key exchange, then banner, then a second try to log in
    waits = 2 * SSH_CONNECTION_TIMEOUT + SSH_BANNER_TIMEOUT + 2 * SSH_AUTH_TIMEOUT
    return max(1, len(connection.get_addresses())) * (waits + GRACE)


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
def running(run: Run) -> Iterator[Run]:
    """Keeps a run on its operation while a thread works on it.

    Arguments:
        run: of a claimed operation, whose ``run`` it is meanwhile.
    """
    before = run.operation.run
    if before is not None:
        # what was logged before the claim
        run.lines = before.take_lines()
    run.operation.run = run
    keeper = the_keeper() if run.is_watched else None
    if keeper is not None:
        keeper.add(run)
    try:
        yield run
    finally:
        if keeper is not None:
            keeper.remove(run)
        run.operation.run = _remainder(run)
        # an error holds the frames it came through, what devices said in them and,
        # by way of the run, itself: all of it would stay until the garbage is collected
        run.decision = run.outcome = run.connection = None


def _remainder(run: Run) -> Run | None:
    # inside of somebody's transaction the end is announced later than this; lines
    # that could not be stored go with the next ones. A worker drops the operation
    if run.is_watched or (run.outcome is None and not run.lines):
        return None
    left = Run(run.operation)
    left.outcome, left.lines = run.outcome, run.take_lines()
    return left
