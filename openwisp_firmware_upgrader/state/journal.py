"""The only writer of an operation while a worker runs it.

Everything is one guarded UPDATE: it hits the row only while the operation is in
progress and, when a worker holds it, only under the worker's own run number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import JSONField, QuerySet, Value

from ..foreign_text import clean
from ..protocols import Operation
from ..signals import firmware_upgrader_log_updated, upgrade_half_ending
from ..statuses import FIRST_HALF, OperationStatus, Phase, UpgradeProgress, sources
from .events import announce, remember_line
from .installed import note_installed
from .leases import operations
from .log import lines_of_reason, take_pending
from .resilience import steadily
from .update import (
    NOTED,
    Change,
    FromNow,
    change_of,
    mirror,
    store,
    update,
    why_lost,
    with_facts,
    write,
)


def record(
    operation: Operation,
    *,
    lines: Iterable[str] = (),
    phase: str | None = None,
    progress: int | None = None,
    evidence: dict[str, Any] | None = None,
    attempts: int | None = None,
) -> None:
    """Stores what happened and the lines that explain it.

    Arguments:
        operation: the operation at work.
        lines: new log lines.
        phase: new phase, None leaves it.
        progress: new progress in percent, None leaves it.
        evidence: facts to add to the evidence.
        attempts: new counter of attempts, None leaves it.

    Raises UpgradeCancelled or LeaseLost when the worker has lost the operation.
    """
    fields: dict[str, Any] = {}
    if evidence is not None:
        fields["evidence"] = with_facts(operation, evidence)
    for name, value in (
        ("phase", phase),
        ("progress", progress),
        ("attempts", attempts),
    ):
        if value is not None:
            fields[name] = value
    if not store(operation, lines, fields) and operation.hold is not None:
        raise why_lost(operation)


def note(operation: Operation, evidence: dict[str, Any]) -> None:
    """Adds facts to the evidence, stored by the next write of this worker.

    For what is read again by whoever has to go on without it.
    """
    operation.evidence = with_facts(operation, evidence)
    operation.__dict__[NOTED] = True


def store_notes(operation: Operation) -> None:
    """Stores what was noted, if that did not happen yet.

    Raises like `record`.
    """
    if operation.__dict__.get(NOTED):
        record(operation)


def log_line(operation: Operation, line: str, save: bool = True) -> None:
    """Appends a line to the log; with ``save=False`` at the next write.

    Whoever does not hold the operation appends without a guard and never
    touches its status. An unsaved operation is inserted.
    """
    line = clean(line)
    if not save:
        operation.__dict__.setdefault("_pending_lines", []).append(line)
        remember_line(operation, line)
        return
    if operation._state.adding:  # noqa: SLF001 documented by Django
        remember_line(operation, line)
        operation.save()
        firmware_upgrader_log_updated.send(
            sender=type(operation), instance=operation, line=line
        )
        return
    if operation.hold is not None:
        record(operation, lines=[line])
        return
    append(operation, line)


def append(operation: Operation, line: str) -> None:
    """Appends a line to the log whatever the status and whoever holds the row."""
    text = "\n".join([*take_pending(operation), line])
    rows = operations().filter(pk=operation.pk)
    update(rows, Change({}, text))
    announce(operation, {}, [line])


@steadily
def note_clean(operation: Operation, evidence: dict[str, Any]) -> None:
    """Notes that a device was tidied up, whatever the status by now.

    Arguments:
        operation: the operation that was held, or is.
        evidence: what is not true of the device any more.
    """
    rows = operations().filter(pk=operation.pk)
    if operation.hold is not None:
        rows = rows.filter(runs=operation.hold.run)
    whole = with_facts(operation, evidence)
    rows.update(evidence=Value(whole, JSONField()))


def update_progress(operation: Operation, progress: int, save: bool = True) -> None:
    """Sets the progress in percent; with ``save=False`` on the instance only."""
    if not save or operation._state.adding:  # noqa: SLF001 documented by Django
        operation.progress = progress
        if save:
            operation.save()
        return
    record(operation, progress=progress)


@steadily
def status_of(operation: Operation) -> str:
    """Returns the status in the database and refreshes the instance's."""
    row = operations().filter(pk=operation.pk).values("status", "progress").first()
    if row is not None:
        operation.status, operation.progress = row["status"], row["progress"]
    return str(operation.status)


def suspend(
    operation: Operation,
    *,
    phase: str,
    delay: float,
    lines: Iterable[str] = (),
    progress: int | None = None,
    attempts: int = 0,
    evidence: dict[str, Any] | None = None,
) -> bool:
    """Lets go of an operation until it is due again.

    Arguments:
        operation: the operation at work.
        phase: queued or reboot.
        delay: seconds until it is due.
        lines: new log lines.
        progress: new progress in percent, None leaves it.
        attempts: new counter of attempts.
        evidence: facts to add to the evidence.

    Returns False when the operation is not this worker's any more.
    """
    fields: dict[str, Any] = {"phase": phase, "attempts": attempts}
    if progress is not None:
        fields["progress"] = progress
    if evidence is not None:
        fields["evidence"] = with_facts(operation, evidence)
    upgrade_half_ending.send(sender=type(operation), instance=operation)
    lease = {"lease_expires_at": None, "next_run_at": FromNow(delay)}
    return store(operation, lines, fields, lease=lease)


def cancel(operation: Operation, line: str) -> bool:
    """Cancels an operation that has not been flashed, whoever holds it.

    The lease stays with its holder, who tidies up the device and gives it back.

    Arguments:
        operation: the operation to cancel.
        line: the log line that says so.

    Returns False when it is too late.
    """
    rows = _cancellable().filter(pk=operation.pk)
    fields = _cancelled()
    change = change_of(operation, [line], fields, {"next_run_at": None})
    if not update(rows, change):
        return False
    mirror(operation, fields)
    announce(operation, fields, [line])
    return True


def cancel_many(found: list[Operation], line: str) -> list[Operation]:
    """Cancels those of some operations that have not been flashed, in one UPDATE.

    Arguments:
        found: operations that were in progress a moment ago.
        line: the log line that says so.

    Returns the operations that are cancelled now.
    """
    fields = _cancelled()
    rows = operations().filter(pk__in=[operation.pk for operation in found])
    change = Change({**fields, "next_run_at": None}, clean(line), capped=False)
    update(_cancellable() & rows, change)
    hit = rows.filter(status=OperationStatus.CANCELLED).values_list("pk", flat=True)
    reached = set(hit)
    cancelled = [operation for operation in found if operation.pk in reached]
    for operation in cancelled:
        mirror(operation, fields)
        announce(operation, fields, [line])
    return cancelled


def _cancellable() -> QuerySet[Operation]:
    return operations().filter(
        status__in=sources(OperationStatus.CANCELLED),
        phase__in=FIRST_HALF,
        progress__lt=UpgradeProgress.CANCELLATION_THRESHOLD,
    )


def _cancelled() -> dict[str, Any]:
    return {"status": str(OperationStatus.CANCELLED), "phase": str(Phase.DONE)}


def finish(
    operation: Operation,
    status: str,
    *,
    installed: bool = False,
    lines: Iterable[str] = (),
) -> bool:
    """Ends an operation, gives its lease back and notes the installed image.

    Arguments:
        operation: the operation at work.
        status: the finished status.
        installed: whether the device counts as running the operation's image.
        lines: the lines that explain the end.

    Returns False when somebody else has ended the operation or holds it.
    """
    fields: dict[str, Any] = {"status": str(status), "phase": str(Phase.DONE)}
    if status == OperationStatus.SUCCESS:
        fields["progress"] = 100
    upgrade_half_ending.send(sender=type(operation), instance=operation)
    fresh = [clean(line) for line in lines]
    if explained := lines_of_reason(fresh):
        fields["evidence"] = with_facts(operation, explained)
    lease = {"lease_expires_at": None, "next_run_at": None}
    change = change_of(operation, fresh, fields, lease)
    if not _end(operation, change, installed):
        return False
    mirror(operation, fields)
    announce(operation, fields, fresh)
    return True


@steadily
def _end(operation: Operation, change: Change, installed: bool) -> bool:
    with transaction.atomic():
        if write(operation, change):
            if installed:
                note_installed(operation)
            return True
    # a commit whose answer was lost is repeated and finds the row ended by us
    return operation.hold is not None and _ended_by_us(
        operation, change.fields["status"]
    )


def _ended_by_us(operation: Operation, status: str) -> bool:
    rows = operations().filter(pk=operation.pk, runs=operation.hold.run)
    return status != OperationStatus.CANCELLED and rows.filter(status=status).exists()
