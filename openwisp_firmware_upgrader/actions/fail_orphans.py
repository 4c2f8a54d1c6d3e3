"""Ends operations that nobody works on; for emergencies."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ..engine.verify import has_been_flashed
from ..state import journal, keeper, leases
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
        run = leases.claim(pk, seconds=SECONDS, due_only=False)
    except leases.DeviceBusy:
        return False
    if run is None:
        return False
    operation = leases.operations().select_related("device").get(pk=pk)
    with keeper.hold(operation, run, limit=SECONDS, lease=SECONDS, watched=False):
        ended = journal.finish(
            operation, OperationStatus.FAILED, lines=[_reason(operation)]
        )
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
