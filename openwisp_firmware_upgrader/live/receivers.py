"""Turns what the engine stores into live events."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import transaction

from ..signals import upgrade_half_ending, upgrade_operation_recorded
from ..state.run import run_of
from . import throttle, transport
from .publishers import publish_operation

logger = logging.getLogger(__name__)

PROGRESS_EVERY = 0.5


def connect_live_events() -> None:
    """Connects the publishers to the signals of runs."""
    upgrade_operation_recorded.connect(
        recorded, dispatch_uid="firmware_upgrader.live_events"
    )
    upgrade_half_ending.connect(
        half_ending, dispatch_uid="firmware_upgrader.last_live_events"
    )


def recorded(
    sender: Any,
    instance: Any,
    changed: frozenset[str],
    lines: list[str],
    **kwargs: Any,
) -> None:
    """Receiver: tells about a line or a move, once committed.

    A new status is left to ``post_save``, so that it is told once.
    """
    if "status" in changed or not (lines or changed & {"phase", "progress"}):
        return
    if not lines and not throttle.allows(f"progress-{instance.pk}", PROGRESS_EVERY):
        run_of(instance).owes_event = True
        return
    run_of(instance).owes_event = False
    transaction.on_commit(partial(_publish, instance), robust=True)


def half_ending(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Receiver: what waits goes out before somebody else may go on."""
    run = run_of(instance)
    if run.owes_event:
        run.owes_event = False
        _publish(instance)
    if run.is_claimed:
        transport.drain()


def _publish(operation: Any) -> None:
    try:
        publish_operation(operation, waits=False)
    except Exception:  # noqa: BLE001 nobody's upgrade fails for a live event
        logger.warning("A live event could not be made", exc_info=True)
