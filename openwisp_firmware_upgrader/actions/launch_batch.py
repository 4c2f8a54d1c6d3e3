"""Launches a mass upgrade, chunk by chunk; whoever finds it half done goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import leases, selectors, wakeups
from ..statuses import BatchStatus
from ..swapper import load_model
from .insert_operations import STAMP, Candidate, insert_operations
from .settle_batch import settle_batch

logger = logging.getLogger(__name__)

CHUNK = 500


def create_batch(
    build: Any,
    firmwareless: bool,
    *,
    upgrade_options: dict[str, Any] | None = None,
    group: Any = None,
    location: Any = None,
    created_by: Any = None,
) -> Any:
    """Creates a mass upgrade and wakes a worker that launches it.

    Arguments:
        build: the build to upgrade to.
        firmwareless: whether to include devices whose firmware is not known.
        upgrade_options: options of every upgrade.
        group: only devices of this group.
        location: only devices at this location.
        created_by: the user who launches it.

    Returns the batch.
    Raises ValidationError when there is nothing to upgrade.
    """
    _refuse_nothing_to_do(build, firmwareless, group, location)
    batch = load_model("BatchUpgradeOperation")(
        build=build,
        upgrade_options=upgrade_options or {},
        group=group,
        location=location,
        firmwareless=firmwareless,
        created_by=created_by,
        next_run_at=timezone.now() + STAMP,
    )
    batch.full_clean()
    batch.save()
    wakeups.batch_on_commit(batch.pk, firmwareless)
    return batch


def _refuse_nothing_to_do(
    build: Any, firmwareless: bool, group: Any, location: Any
) -> None:
    model = load_model("BatchUpgradeOperation")
    found = model.dry_run(build=build, group=group, location=location)
    if found["device_firmwares"].exists():
        return
    if not (firmwareless and found["devices"].exists()):
        raise ValidationError(
            _(
                "No devices found matching the chosen build, group and location "
                "that could be upgraded."
            )
        )


def launch_by_id(batch_id: Any, firmwareless: bool) -> None:
    """Launches a mass upgrade; what the Celery task does.

    Arguments:
        batch_id: primary key of the batch.
        firmwareless: whether to include devices whose firmware is not known.
    """
    rows = load_model("BatchUpgradeOperation").objects
    rows = rows.select_related("build__category", "group", "location")
    batch = rows.filter(pk=batch_id).first()
    if batch is None:
        logger.warning(
            "The BatchUpgradeOperation object with id %s has been deleted, "
            "there is nothing to launch",
            batch_id,
        )
        return
    try:
        batch.upgrade(firmwareless=firmwareless)
    except SoftTimeLimitExceeded:
        _time_out(batch)


def _time_out(batch: Any) -> None:
    logger.warning("The launch of the mass upgrade %s timed out", batch.pk)
    batch.status = str(BatchStatus.FAILED)
    batch.launched = True
    batch.save(update_fields=["status", "launched", "modified"])


def launch_batch(batch: Any, firmwareless: bool) -> None:
    """Creates the operations of a mass upgrade that has none or some of them.

    Arguments:
        batch: the mass upgrade.
        firmwareless: whether to include devices whose firmware is not known.
    """
    if batch.launched:
        return
    batch.status = str(BatchStatus.IN_PROGRESS)
    batch.firmwareless = firmwareless
    batch.next_run_at = timezone.now() + STAMP
    batch.save(update_fields=["status", "firmwareless", "next_run_at", "modified"])
    batch.upgrade_related_devices()
    if firmwareless:
        batch.upgrade_firmwareless_devices()
    rows = type(batch).objects.filter(pk=batch.pk)
    rows.update(launched=True, next_run_at=None, modified=Now())
    batch.launched, batch.next_run_at = True, None
    settle_batch(batch)


def launch_related(batch: Any) -> None:
    """Creates operations for the devices that run firmware of the category."""
    images = {image.type: image for image in _images(batch)}
    rows = selectors.related_device_firmwares(
        batch.build, group=batch.group, location=batch.location
    )
    rows = rows.filter(image__type__in=images).select_related(None)
    found = list(rows.values_list("device_id", "image__type"))
    for chunk in _chunks([Candidate(pk, images[name]) for pk, name in found]):
        insert_operations(batch, chunk)


def launch_firmwareless(batch: Any) -> None:
    """Creates operations for the devices whose firmware is not known."""
    seen: set[Any] = set()
    for image in _images(batch):
        rows = selectors.firmwareless_devices(
            batch.build,
            boards=image.boards,
            group=batch.group,
            location=batch.location,
        )
        fresh = [pk for pk in rows.values_list("pk", flat=True) if pk not in seen]
        seen.update(fresh)
        for chunk in _chunks([Candidate(pk, image) for pk in fresh]):
            insert_operations(batch, chunk)


def _images(batch: Any) -> list[Any]:
    rows = batch.build.firmwareimage_set.select_related("build__category")
    return list(rows.order_by("created"))


def _chunks(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    for start in range(0, len(candidates), CHUNK):
        yield candidates[start : start + CHUNK]


def continue_launches() -> None:
    """Wakes workers for launches that were not begun or not finished in time."""
    rows = load_model("BatchUpgradeOperation").objects
    due = rows.filter(launched=False, next_run_at__lte=Now()).order_by("next_run_at")
    for pk, firmwareless in list(due.values_list("pk", "firmwareless")[:CHUNK]):
        # the stamp is taken by one of several scans that find the same launch
        stamp = leases.seconds_from_now(STAMP.total_seconds())
        mine = due.order_by().filter(pk=pk).update(next_run_at=stamp)
        if mine and not wakeups.send("batch_upgrade_operation", str(pk), firmwareless):
            return
