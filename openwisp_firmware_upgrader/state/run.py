"""One attempt of one worker at one operation: what it knows, and all it may write.

Everything it stores is one guarded UPDATE: it hits the row only while the operation
is in progress and, when somebody has claimed it, only under that run's own number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import JSONField, QuerySet, Value

from ..exceptions import DeviceRebooting, FlashRefused, LeaseLost, UpgradeCancelled
from ..foreign_text import clean
from ..protocols import DeviceConnection, Operation
from ..statuses import OperationStatus, Phase
from . import events, leases, update
from .decisions import Decision
from .evidence import Evidence
from .installed import note_installed
from .log import count_lines
from .resilience import steadily
from .stop_flag import StopFlag
from .update import Change, FromNow

UNLIMITED = float("inf")
# values by field name
Fields: TypeAlias = dict[str, Any]


class Run:
    """An operation at work.

    Three kinds differ in nothing but this: a worker's is claimed (it has a number)
    and watched by the keeper of its process; one in somebody's own process is claimed
    and not watched, others may look at the row after each step; one of nobody, whose
    operation is only logged to, has no number: what it stores is guarded by the
    status alone, and nothing is raised when the row is not hit.

    Attributes:
        operation: the operation, kept like its row.
        number: the run number of the claim, None without a claim.
        is_watched: whether the keeper looks after it.
        stop: why the thread must stop, once there is a reason.
        connection: the device connection to cut, once there is one.
        connected_by: monotonic time at which it must be open, None while none opens.
        was_cut: whether the keeper has cut it.
        follows_cancel: whether it only tidies up after a cancel.
        lines: log lines that the next write stores.
        decision: what follows from this visit, once it is known.
        outcome: what ended the operation, once it has ended.
        phase_began: the phase and the monotonic time of its beginning.
        owes_event: whether a move was not published yet.
    """

    def __init__(
        self,
        operation: Operation,
        number: int | None = None,
        *,
        limit: float = UNLIMITED,
        lease: float = UNLIMITED,
        is_watched: bool = False,
    ) -> None:
        """Begins; see `keeper.running`.

        Arguments:
            limit: seconds this visit may take.
            lease: length of the lease in seconds.
            is_watched: False where no thread may be started.
        """
        self.operation = operation
        self.number = number
        self.is_watched = is_watched
        self.stop = StopFlag(limit=limit, lease=lease)
        self.connection: DeviceConnection | None = None
        self.connected_by: float | None = None
        self.was_cut = False
        self.follows_cancel = operation.status == OperationStatus.CANCELLED
        self.lines: list[str] = []
        self.outcome: BaseException | None = None
        self.decision: Decision | None = None
        self.phase_began: tuple[str, float] | None = None
        self.owes_event = False
        self._has_notes = False

    @property
    def is_claimed(self) -> bool:
        """Whether a worker, or somebody's own process, holds the lease."""
        return self.number is not None

    @property
    def evidence(self) -> Evidence:
        """What is known, with what was noted and not stored yet."""
        return Evidence.load(self.operation.evidence)

    def check(self) -> None:
        """Raises why the thread must stop: cancel, lost lease or deadline."""
        self.stop.watch_clock()
        if self.stop.reason is not None:
            raise self.stop.reason

    def what_ended(self, error: Exception) -> Exception:
        """Returns the reason to stop in place of the error that came of it.

        What became of the flash is an error of its own: nothing may hide it.
        """
        if isinstance(error, DeviceRebooting | FlashRefused):
            return error
        return self.stop.reason or error

    def log(self, line: str, save: bool = True) -> None:
        """Appends a line to the log; with ``save=False`` at the next write.

        Raises like `record` when the operation is claimed.
        """
        line = clean(line)
        if not save:
            self.lines.append(line)
            events.remember_line(self.operation, line)
        elif self.is_claimed:
            self.record(lines=[line])
        else:
            self.log_unguarded(line)

    def log_unguarded(self, line: str) -> None:
        """Appends a line whatever the status and whoever holds the row."""
        text = "\n".join([*self.take_lines(), clean(line)])
        rows = leases.operations().filter(pk=self.operation.pk)
        update.update(rows, Change({}, text))
        events.announce(self.operation, {}, [clean(line)])

    def record(
        self,
        *,
        lines: Iterable[str] = (),
        phase: str | None = None,
        progress: int | None = None,
        attempts: int | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        """Stores what happened and the lines that explain it.

        Arguments:
            lines: new log lines.
            phase: new phase, None leaves it.
            progress: new progress in percent, None leaves it.
            attempts: new counter of attempts, None leaves it.
            evidence: what is known now, None leaves it.

        Raises UpgradeCancelled or LeaseLost when the claim is lost.
        """
        fields = _known(phase=phase, progress=progress, attempts=attempts)
        if not self._store(lines, fields, evidence) and self.is_claimed:
            raise self.why_lost()

    def note(self, evidence: Evidence) -> None:
        """Changes what is known, stored by the next write of this run.

        For what is read again by whoever has to go on without it.
        """
        self.operation.evidence = evidence.dump()
        self._has_notes = True

    def store_notes(self) -> None:
        """Stores what was noted, if that did not happen yet; raises like `record`."""
        if self._has_notes:
            self.record()

    @steadily
    def mark_device_clean(self, evidence: Evidence) -> None:
        """Stores that the device was tidied up, whatever the status by now."""
        self.operation.evidence = evidence.dump()
        self._rows().update(evidence=Value(self.operation.evidence, JSONField()))

    def suspend(
        self,
        *,
        phase: str,
        delay: float,
        lines: Iterable[str] = (),
        progress: int | None = None,
        attempts: int | None = None,
        evidence: Evidence | None = None,
    ) -> bool:
        """Lets go of the operation until it is due again.

        Arguments:
            phase: queued or reboot.
            delay: seconds until it is due.
            lines: new log lines.
            progress: new progress in percent, None leaves it.
            attempts: new counter of attempts, None leaves it.
            evidence: what is known now, None leaves it.

        Returns False when the claim is lost.
        """
        fields = _known(phase=phase, progress=progress, attempts=attempts)
        events.announce_half_ending(self.operation)
        lease = {"lease_expires_at": None, "next_run_at": FromNow(delay)}
        return self._store(lines, fields, evidence, lease)

    def finish(
        self, status: str, *, installed: bool = False, lines: Iterable[str] = ()
    ) -> bool:
        """Ends the operation, gives its lease back and notes the installed image.

        Arguments:
            status: the finished status.
            installed: whether the device counts as running the operation's image.
            lines: the lines that explain the end.

        Returns False when somebody else has ended the operation or holds it.
        """
        fields = _known(status=str(status), phase=str(Phase.DONE))
        if status == OperationStatus.SUCCESS:
            fields["progress"] = 100
        events.announce_half_ending(self.operation)
        fresh = [clean(line) for line in lines]
        if (number := count_lines(fresh)) > 1:
            fields["evidence"] = replace(self.evidence, reason_lines=number).dump()
        lease = {"lease_expires_at": None, "next_run_at": None}
        if not self._end(self._change(fresh, fields, lease), installed):
            return False
        self._announce(fields, fresh)
        return True

    def why_lost(self) -> LeaseLost | UpgradeCancelled:
        """Returns why a write of this run did not reach the row."""
        return UpgradeCancelled() if self._is_cancelled() else LeaseLost()

    @steadily
    def _is_cancelled(self) -> bool:
        return bool(self._rows().filter(status=OperationStatus.CANCELLED).exists())

    def _rows(self) -> QuerySet[Operation]:
        rows = leases.operations().filter(pk=self.operation.pk)
        return rows.filter(runs=self.number) if self.is_claimed else rows

    def _store(
        self,
        lines: Iterable[str],
        fields: Fields,
        evidence: Evidence | None,
        lease: Fields | None = None,
    ) -> bool:
        if evidence is not None:
            fields["evidence"] = evidence.dump()
        fresh = [clean(line) for line in lines]
        change = self._change(fresh, fields, lease)
        if not update.write(self.operation.pk, self.number, change):
            return False
        self._announce(fields, fresh)
        return True

    def _change(self, lines: list[str], fields: Fields, lease: Fields | None) -> Change:
        # with all that was noted or buffered
        if self._has_notes:
            self._has_notes = False
            fields = {"evidence": self.operation.evidence, **fields}
        text = "\n".join([*self.take_lines(), *lines]) or None
        return Change({**(lease or {}), **fields}, text, capped="status" not in fields)

    def take_lines(self) -> list[str]:
        """Returns the buffered lines and forgets them."""
        lines, self.lines = self.lines, []
        return lines

    def _announce(self, fields: Fields, lines: list[str]) -> None:
        events.mirror(self.operation, fields)
        events.announce(self.operation, fields, lines)

    @steadily
    def _end(self, change: Change, installed: bool) -> bool:
        with transaction.atomic():
            if update.write(self.operation.pk, self.number, change):
                if installed:
                    note_installed(self.operation)
                return True
        # a commit whose answer was lost is repeated and finds the row ended by us
        return self.is_claimed and self._was_ended_by_us(change.fields["status"])

    def _was_ended_by_us(self, status: str) -> bool:
        is_ours = status != OperationStatus.CANCELLED
        return is_ours and self._rows().filter(status=status).exists()


def _known(**fields: object) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def run_of(operation: Operation) -> Run:
    """Returns the run at work on an operation, one without a claim if there is none."""
    if operation.run is None:
        operation.run = Run(operation)
    run: Run = operation.run
    return run
