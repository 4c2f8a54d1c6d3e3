"""One visit to the device of a cancelled operation whose worker died."""

from __future__ import annotations

import logging

from .. import settings as app_settings
from ..exceptions import FirmwareUpgraderException
from ..protocols import Operation, PrimaryKey
from ..state import concurrency, keeper, leases
from ..upgraders.openwrt.ssh import hang_up
from .install import make_upgrader, working_connection

logger = logging.getLogger(__name__)


def clean_up_cancelled(operation_id: PrimaryKey, run: int | None) -> bool:
    """Tidies up the device of a cancelled operation and gives its lease back.

    Arguments:
        operation_id: primary key of the operation.
        run: its run number, None never cleans up.

    Returns whether the operation was claimed for it.
    """
    seconds = leases.lease_seconds()
    take = concurrency.claim_clean_up if leases.take_turns() else leases.claim_clean_up
    if run is None or not take(operation_id, run, seconds):
        return False
    operation = leases.operations().select_related("device").get(pk=operation_id)
    limit = app_settings.TASK_TIMEOUT
    with keeper.hold(operation, run + 1, limit=limit, lease=seconds):
        _clean_up(operation)
    leases.release(operation_id, run + 1)
    return True


def _clean_up(operation: Operation) -> None:
    left = operation.evidence.get("services_stopped")
    if not left and not operation.evidence.get("remote_path"):
        return
    connection = None
    try:
        connection = working_connection(operation)
        upgrader = make_upgrader(operation, connection)
        clean_up = getattr(upgrader, "clean_up", None)
        if clean_up is not None:
            clean_up()
    except FirmwareUpgraderException:
        logger.info("Could not clean up after operation %s", operation.pk)
    except Exception:  # noqa: BLE001 one visit is all it gets, whatever happens
        logger.exception("Could not clean up after operation %s", operation.pk)
    finally:
        if connection is not None:
            hang_up(connection)
