"""What those write who do not work on an operation: people, tasks, the model.

Whoever works on it writes through its `Run`.
"""

from __future__ import annotations

from django.db.models import QuerySet

from ..foreign_text import clean
from ..protocols import Operation
from ..signals import firmware_upgrader_log_updated
from ..statuses import FIRST_HALF, OperationStatus, Phase, UpgradeProgress, sources
from .events import announce, mirror, remember_line
from .leases import operations
from .resilience import steadily
from .run import run_of
from .update import Change, update


def log_line(operation: Operation, line: str, save: bool = True) -> None:
    """Appends a line to the log, see `Run.log`; inserts an unsaved operation."""
    if not save or not operation._state.adding:  # noqa: SLF001 documented by Django
        run_of(operation).log(line, save)
        return
    line = clean(line)
    remember_line(operation, line)
    operation.save()
    firmware_upgrader_log_updated.send_robust(
        sender=type(operation), instance=operation, line=line
    )


def update_progress(operation: Operation, progress: int, save: bool = True) -> None:
    """Sets the progress in percent; with ``save=False`` on the instance only."""
    if not save or operation._state.adding:  # noqa: SLF001 documented by Django
        operation.progress = progress
        if save:
            operation.save()
        return
    run_of(operation).record(progress=progress)


@steadily
def status_of(operation: Operation) -> str:
    """Returns the status in the database and refreshes the instance's."""
    row = operations().filter(pk=operation.pk).values("status", "progress").first()
    if row is not None:
        operation.status, operation.progress = row["status"], row["progress"]
    return str(operation.status)


def cancel(operation: Operation, line: str) -> bool:
    """Cancels an operation that has not been flashed, whoever holds it.

    The lease stays with its holder, who tidies up the device and gives it back.

    Arguments:
        operation: the operation to cancel.
        line: the log line that says so.

    Returns False when it is too late.
    """
    fields = _cancelled()
    text = "\n".join([*run_of(operation).take_lines(), clean(line)])
    change = Change({**fields, "next_run_at": None}, text, capped=False)
    if not update(_cancellable().filter(pk=operation.pk), change):
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


def _cancelled() -> dict[str, object]:
    return {"status": str(OperationStatus.CANCELLED), "phase": str(Phase.DONE)}
