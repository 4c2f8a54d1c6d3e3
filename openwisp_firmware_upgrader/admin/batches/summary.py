"""Totals, duration and time left of a mass upgrade."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from ...live import payloads
from ...protocols import Batch, User
from ...selectors import access
from ...state.settle_batch import count_operations
from ...statuses import BATCH_FINISHED, OperationStatus
from ..shared.page_data import NIL
from .rows import device_page

NAMES = {
    OperationStatus.IN_PROGRESS: "in_progress",
    OperationStatus.SUCCESS: "successful",
    OperationStatus.FAILED: "failed",
    OperationStatus.CANCELLED: "cancelled",
    OperationStatus.ABORTED: "aborted",
}


def seen_by(batch: Batch | None, user: User) -> Batch | None:
    """Returns the same mass upgrade; only what a user may see of it will be counted.

    Columns and fields of an admin are asked for without the request.
    """
    if batch is not None:
        batch.__dict__["_viewer"] = user
    return batch


def counts_of(batch: Batch) -> dict[str, int]:
    """Returns the numbers of operations by status, counted once a request."""
    counts = batch.__dict__.get("_operation_counts")
    if counts is None:
        user = batch.__dict__.get("_viewer")
        counts = count_operations(batch, access.operations_of(user, batch_id=batch.pk))
        batch.__dict__["_operation_counts"] = counts
    return counts


def rate(batch: Batch, name: str) -> str:
    """Returns the percentage of operations with a status, "N/A" for none."""
    counts = counts_of(batch)
    if not counts[name]:
        return _("N/A")
    return f"{round(100 * counts[name] / counts['total_operations'], 2)}%"


def summary(batch: Batch) -> dict[str, object]:
    """Returns what the page of a mass upgrade says above its operations.

    ``totals``: status, label and number, ``duration`` and ``time_left``: texts,
    the latter empty when nobody can tell, ``launched_by``: a name or empty.
    """
    counts = counts_of(batch)
    totals = [
        {
            "status": str(status),
            "label": str(OperationStatus(status).label),
            "number": counts[name],
        }
        for status, name in NAMES.items()
    ]
    return {
        "totals": totals,
        "total": counts["total_operations"],
        "completed": counts["completed"],
        "launched_by": str(batch.created_by or ""),
        **times(batch),
    }


def times(batch: Batch) -> dict[str, str]:
    """Returns how long a mass upgrade has taken and will take, as texts."""
    elapsed = _elapsed(batch)
    return {
        "duration": in_words(elapsed),
        "time_left": _time_left(batch, counts_of(batch), elapsed),
    }


def live_facts(batch: Batch) -> dict[str, object]:
    """Returns what scripts draw at first, as live events tell it later."""
    counts = counts_of(batch)
    return {
        "status": batch.status,
        "completed": counts["completed"],
        "total": counts["total_operations"],
        "elapsed": seconds(batch),
        "device_url": device_page(NIL),
        **payloads.batch_numbers(counts),
    }


def seconds(batch: Batch) -> float:
    """Returns how many seconds a mass upgrade has taken so far, or in the end."""
    return round(_elapsed(batch).total_seconds(), 1)


def _elapsed(batch: Batch) -> timedelta:
    is_over = batch.status in BATCH_FINISHED
    return (batch.modified if is_over else timezone.now()) - batch.created


def _time_left(batch: Batch, counts: dict[str, int], elapsed: timedelta) -> str:
    if batch.status in BATCH_FINISHED or not counts["completed"]:
        return ""
    return in_words(elapsed / counts["completed"] * counts["in_progress"])


def in_words(duration: timedelta) -> str:
    """Returns a duration such as "1:02:03": hours, also beyond a day, to seconds."""
    minutes, seconds = divmod(max(0, round(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
