"""The install phase of an upgrade: from the connection to the hand-off."""

from __future__ import annotations

import logging
from typing import cast

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError

from ..exceptions import (
    DeviceRebooting,
    RecoverableFailure,
    UpgradeAborted,
    UpgradeFailed,
)
from ..foreign_text import inline
from ..protocols import (
    DeviceConnection,
    Image,
    Operation,
    PrimaryKey,
    Upgrader,
    UpgraderClass,
)
from ..selectors import eligibility
from ..state import leases
from ..state.decisions import Decision, Done
from ..state.evidence import Evidence
from ..state.prepared import Prepared, Slot
from ..state.run import Run, run_of
from ..state.settle_batch import settle_ended
from ..statuses import OperationStatus, Phase
from ..utils import get_upgrader_class_from_device_connection
from .connections import close, open_connection
from .retry_policy import max_retries

logger = logging.getLogger(__name__)

# how paramiko begins when it shares no algorithm with the device
INCOMPATIBLE = "Incompatible ssh peer"


def install_image(run: Run) -> Decision:
    """Upgrades the device up to the moment it reboots.

    Arguments:
        run: of an operation in progress.

    Raises what ends the phase; returns when the upgrader says it is done.
    """
    operation = run.operation
    refuse_impossible(operation)
    run.record(phase=Phase.PREFLIGHT, progress=0)
    image = cast("Image", operation.image)
    run.connection = connection = working_connection(run)
    try:
        upgrader = make_upgrader(run, connection)
        _refuse_options(operation, type(upgrader))
        upgrade_with(upgrader, image.file)
    finally:
        close(connection)
        _close_file(image)
    if not run.finish(OperationStatus.SUCCESS, installed=True):
        raise run.why_lost()
    settle_ended(operation)
    return Done()


def _close_file(image: Image) -> None:
    try:
        image.close_file()
    except Exception:  # noqa: BLE001 storages raise errors of their own
        logger.warning("Could not close the file of an image", exc_info=True)


def upgrade_with(upgrader: Upgrader, image: object) -> None:
    """Runs the first half of an upgrader, which may be a third party's.

    Arguments:
        upgrader: the upgrader.
        image: the image file.

    Raises what the upgrader raises; a DeviceRebooting that names no delay gets the
    RECONNECT_DELAY of the upgrader.
    """
    try:
        upgrader.upgrade(image)
    except DeviceRebooting as error:
        if error.delay is None:
            error.delay = getattr(upgrader, "RECONNECT_DELAY", None)
        raise


def refuse_impossible(operation: Operation) -> None:
    """Raises the outcome of an operation that cannot be carried out."""
    _refuse_after_deaths(operation)
    device = operation.device
    if device.is_deactivated():
        raise UpgradeAborted(
            _("The device has been deactivated, it will not be upgraded.")
        )
    older = find_older(operation)
    if older is not None:
        logger.warning(
            "Another upgrade operation (%s) is in progress for device %s, "
            "operation %s is aborted",
            older,
            device.pk,
            operation.pk,
        )
        raise UpgradeAborted(busy_text(older))
    if operation.image is None:
        raise UpgradeFailed(
            _(
                "The firmware image of this operation has been deleted, "
                "nothing was flashed. Launch the upgrade again with another image."
            )
        )
    _refuse_what_has_changed(operation)


def _refuse_what_has_changed(operation: Operation) -> None:
    # it may have waited for long since it was launched
    device, user = operation.device, operation.created_by
    problem = eligibility.device_problem(device, cast("Image", operation.image))
    in_batch = operation.batch_id is not None
    problem = problem or eligibility.requester_problem(user, device, in_batch=in_batch)
    if problem:
        raise UpgradeAborted(problem)


def _refuse_options(operation: Operation, upgrader_class: UpgraderClass) -> None:
    options = operation.upgrade_options
    if problem := eligibility.options_problem(upgrader_class, options):
        raise UpgradeAborted(problem)


def _refuse_after_deaths(operation: Operation) -> None:
    limit = max_retries()
    deaths = operation.attempts - Evidence.load(operation.evidence).failures
    if limit is None or operation.attempts <= limit or deaths < 1:
        return
    text = _(
        "Gave up before the flash: the worker died %(deaths)s times. The device "
        "has not been flashed; see the log of the workers before trying again."
    )
    raise UpgradeFailed(text % {"deaths": deaths})


def find_older(operation: Operation) -> PrimaryKey | None:
    """Returns the key of an older unfinished operation of the device, or None."""
    values = {"device": operation.device_id, "created": operation.created}
    found = OLDER.first(pk=operation.pk, **values)
    return found[0] if found else None


def _older() -> QuerySet[Operation]:
    rows = leases.operations()
    created = Slot.of(rows.model, "created")
    same_time = Q(created=created, pk__lt=Slot.of(rows.model, "pk"))
    rows = rows.filter(
        Q(created__lt=created) | same_time,
        device_id=Slot.of(rows.model, "device"),
        status=OperationStatus.IN_PROGRESS,
    )
    return rows.order_by("created", "pk").values_list("pk")[:1]


OLDER = Prepared(_older)


def busy_text(older: PrimaryKey) -> str:
    """Returns the reason of an operation that came second to ``older``."""
    text = _(
        "Another upgrade operation (%(older)s) is in progress for this device, "
        "this one is aborted. Wait for its end before launching another one."
    )
    return text % {"older": older}


def abort_if_younger(operation: Operation) -> bool:
    """Aborts an operation nobody holds when an older one is in progress."""
    older = find_older(operation)
    if older is None:
        return False
    lines = [busy_text(older)]
    ended = run_of(operation).finish(OperationStatus.ABORTED, lines=lines)
    settle_ended(operation)
    return ended


def working_connection(run: Run) -> DeviceConnection:
    """Returns an open connection of the operation's device.

    Raises UpgradeAborted without any SSH connection, RecoverableFailure when
    none of them works.
    """
    try:
        return open_connection(run, run.operation.device)
    except NoWorkingDeviceConnectionError as error:
        if error.connection is None:
            raise UpgradeAborted(_no_connection_text()) from error
        _log_failures(run)
        _refuse_too_old(run.operation)
        raise RecoverableFailure(
            _("tried all DeviceConnections of the device, none of them works")
        ) from error


def _refuse_too_old(operation: Operation) -> None:
    # no retry changes the algorithms of a device
    rows = operation.device.deviceconnection_set.filter(enabled=True)
    reasons = list(rows.values_list("failure_reason", flat=True))
    if not reasons or not all(INCOMPATIBLE in reason for reason in reasons):
        return
    raise UpgradeAborted(
        _(
            "The SSH server of the device offers only algorithms that are too old "
            "for this server, nothing was changed. OpenWrt 19.07 and older need an "
            "ECDSA host key; otherwise upgrade the device by hand once."
        )
    )


def _no_connection_text() -> str:
    return _(
        "No enabled SSH connection is available for this device. "
        "Add credentials to the device and launch the upgrade again."
    )


def _log_failures(run: Run) -> None:
    text = _("Failed to connect with %(device)s using %(credentials)s. Error: %(why)s")
    operation = run.operation
    rows = operation.device.deviceconnection_set.select_related("credentials")
    for connection in rows:
        values = {
            "device": operation.device.name,
            "credentials": connection.credentials,
            "why": inline(connection.failure_reason),
        }
        run.log(text % values, save=False)


def upgrader_class_of(connection: DeviceConnection) -> UpgraderClass:
    """Returns the upgrader for a connection's update strategy.

    Raises UpgradeAborted when there is none.
    """
    upgrader_class = get_upgrader_class_from_device_connection(connection)
    if upgrader_class is None:
        text = _(
            "No upgrader is known for the update strategy '%(strategy)s'. Check "
            "the setting OPENWISP_FIRMWARE_UPGRADERS_MAP."
        )
        raise UpgradeAborted(text % {"strategy": connection.update_strategy})
    return upgrader_class


def make_upgrader(run: Run, connection: DeviceConnection) -> Upgrader:
    """Returns the upgrader of a connection, not started; raises UpgradeAborted."""
    return upgrader_class_of(connection)(run.operation, connection)
