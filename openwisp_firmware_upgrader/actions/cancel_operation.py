"""Cancels an upgrade operation: a user's cancel wins or is refused."""

from __future__ import annotations

from django.utils.translation import gettext as _

from ..protocols import Operation
from ..state import journal
from ..state.settle_batch import settle_ended
from ..statuses import OperationStatus, UpgradeProgress


def cancel_operation(operation: Operation) -> None:
    """Cancels an operation whose device has not been told to flash.

    A worker that holds it notices within two seconds and tidies up the device;
    it keeps its lease until then.

    Raises ValueError, saying why, when it is too late.
    """
    line = _("Upgrade operation cancelled by user.")
    if not journal.cancel(operation, line):
        journal.status_of(operation)
        raise ValueError(_refusal(operation))
    settle_ended(operation)


def _refusal(operation: Operation) -> str:
    if operation.status != OperationStatus.IN_PROGRESS:
        text = _("Cannot cancel an upgrade operation with status '%(status)s'.")
        return text % {"status": operation.status}
    if operation.progress >= UpgradeProgress.CANCELLATION_THRESHOLD:
        return _("Cannot cancel: reflashing has already started on the device.")
    return _("This upgrade operation cannot be cancelled now, try again.")
