"""Announces to the rest of the process what a run has stored."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

from ..protocols import Operation
from ..signals import (
    firmware_upgrader_log_updated,
    upgrade_half_ending,
    upgrade_operation_recorded,
)

logger = logging.getLogger(__name__)


def remember_line(operation: Operation, line: str) -> None:
    """Logs a new line and keeps it on the instance, if that has its log."""
    logger.info("# %s", line)
    if "log" not in operation.get_deferred_fields():
        operation.log = f"{operation.log}\n{line}" if operation.log else line


def mirror(operation: Operation, fields: dict[str, Any]) -> None:
    """Keeps the instance like its row."""
    for name, value in fields.items():
        setattr(operation, name, value)


def announce(operation: Operation, fields: dict[str, Any], lines: list[str]) -> None:
    """Sends the signals for fields and lines that were stored.

    An error of a receiver is logged by Django: what was stored stays true.
    """
    for line in lines:
        remember_line(operation, line)
    sender = type(operation)
    for line in lines:
        firmware_upgrader_log_updated.send_robust(
            sender=sender, instance=operation, line=line
        )
    changed = frozenset(fields)
    upgrade_operation_recorded.send_robust(
        sender=sender, instance=operation, changed=changed, lines=lines
    )
    if "status" in changed:
        transaction.on_commit(partial(announce_status, operation, changed))


def announce_half_ending(operation: Operation) -> None:
    """Has everything published that waits, before somebody else may go on."""
    upgrade_half_ending.send_robust(sender=type(operation), instance=operation)


def announce_status(operation: Operation, changed: frozenset[str]) -> None:
    """Sends ``post_save`` for a change of status made by an UPDATE."""
    post_save.send_robust(
        sender=type(operation),
        instance=operation,
        created=False,
        update_fields=changed | {"log", "modified"},
        raw=False,
        using=operation._state.db,  # noqa: SLF001 documented by Django
        by_engine=True,
    )
