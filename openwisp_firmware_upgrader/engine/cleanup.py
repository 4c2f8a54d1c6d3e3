"""One visit to the device of a cancelled operation whose worker died."""

from __future__ import annotations

import logging

from .. import settings as app_settings
from ..exceptions import FirmwareUpgraderException
from ..protocols import PrimaryKey
from ..state import concurrency, keeper, leases
from ..state.run import Run
from .connections import close
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
    visit = Run(operation, run + 1, limit=limit, lease=seconds, is_watched=True)
    with keeper.running(visit):
        _clean_up(visit)
    leases.release(operation_id, run + 1)
    return True


def _clean_up(run: Run) -> None:
    if not run.evidence.services_stopped and not run.evidence.remote_path:
        return
    pk = run.operation.pk
    try:
        run.connection = working_connection(run)
        upgrader = make_upgrader(run, run.connection)
        clean_up = getattr(upgrader, "clean_up", None)
        if clean_up is not None:
            clean_up()
    except FirmwareUpgraderException:
        logger.info("Could not clean up after operation %s", pk)
    except Exception:  # noqa: BLE001 one visit is all it gets, whatever happens
        logger.exception("Could not clean up after operation %s", pk)
    finally:
        close(run.connection)
