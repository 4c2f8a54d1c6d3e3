"""One log line each time an operation leaves a phase, for programs that read logs."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.utils import timezone

from ..state.run import run_of
from ..statuses import Phase

# the documented name, wherever this module stands
logger = logging.getLogger("openwisp_firmware_upgrader.phase_log")

# where an operation was before a worker that has just loaded it moved it on
BEFORE = {Phase.PREFLIGHT: Phase.QUEUED, Phase.VERIFY: Phase.REBOOT}


def log_phase(sender: Any, instance: Any, changed: Any, **kwargs: Any) -> None:
    """Receiver: logs the phase that has ended, and how long it took.

    The values are in the text and, for formatters that write JSON, attributes of
    the log record: ``firmware_operation``, ``firmware_device``,
    ``firmware_batch``, ``firmware_phase``, ``firmware_seconds``,
    ``firmware_next``, ``firmware_status``, ``firmware_run``.
    """
    if not {"phase", "status"} & set(changed):
        return
    now, run = time.monotonic(), run_of(instance)
    ended, began = run.phase_began or _before(instance, now)
    if ended == instance.phase:
        return
    run.phase_began = (str(instance.phase), now)
    values = {
        "operation": str(instance.pk),
        "device": str(instance.device_id),
        "batch": str(instance.batch_id) if instance.batch_id else "-",
        "phase": ended,
        "seconds": round(now - began, 3),
        "next": str(instance.phase),
        "status": str(instance.status),
        "run": run.number if run.is_claimed else "-",
    }
    text = " ".join(f"{name}=%({name})s" for name in values)
    extra = {f"firmware_{name}": value for name, value in values.items()}
    logger.info(text, values, extra=extra)


def _before(instance: Any, now: float) -> tuple[str, float]:
    # the row was last written when it got into the phase it waited in
    waited = (timezone.now() - instance.modified).total_seconds()
    ended = BEFORE.get(instance.phase, Phase.QUEUED)
    return str(ended), now - max(waited, 0.0)
