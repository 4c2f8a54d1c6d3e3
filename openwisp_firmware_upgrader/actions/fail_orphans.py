"""Ends operations that nobody works on; for emergencies."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ..state import keeper, leases
from ..state.evidence import has_been_flashed
from ..state.run import Run
from ..state.settle_batch import settle_ended
from ..statuses import OperationStatus

SECONDS = 60


def fail_orphans() -> int:
    """Fails every operation in progress whose lease nobody holds.

    Returns how many were ended. Devices are not touched.
    """
    rows = leases.operations().filter(status=OperationStatus.IN_PROGRESS)
    waiting = rows.filter(leases.free()).values_list("pk", flat=True)
    return sum(_fail(pk) for pk in list(waiting))


def _fail(pk: Any) -> bool:
    try:
        number = leases.claim(pk, seconds=SECONDS, due_only=False)
    except leases.DeviceBusy:
        return False
    if number is None:
        return False
    operation = leases.operations().select_related("device").get(pk=pk)
    with keeper.running(Run(operation, number, limit=SECONDS, lease=SECONDS)) as run:
        ended = run.finish(OperationStatus.FAILED, lines=[_reason(operation)])
    settle_ended(operation)
    return ended


def _reason(operation: Any) -> str:
    if has_been_flashed(operation):
        return _(
            "An administrator ended this operation. The device may have been "
            "flashed: check what it runs before upgrading it again."
        )
    return _(
        "An administrator ended this operation before the flash, the device was "
        "not flashed."
    )
