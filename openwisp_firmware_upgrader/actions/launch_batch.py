"""Launches a mass upgrade, chunk by chunk; whoever finds it half done goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from ..protocols import Batch, Build, Image, Options, Owned, PrimaryKey, User
from ..selectors.devices import firmwareless_devices, related_device_firmwares
from ..state import leases, wakeups
from ..state.settle_batch import settle_batch, tell_saved
from ..statuses import BatchStatus
from ..swapper import load_model
from .insert_operations import Candidate, insert_operations

logger = logging.getLogger(__name__)

CHUNK = 500


def create_batch(
    build: Build,
    firmwareless: bool,
    *,
    upgrade_options: Options | None = None,
    group: Owned | None = None,
    location: Owned | None = None,
    created_by: User | None = None,
    idempotency_key: str = "",
) -> Batch:
    """Creates a mass upgrade and wakes a worker that launches it.

    Arguments:
        build: the build to upgrade to.
        firmwareless: whether to include devices whose firmware is not known.
        upgrade_options: options of every upgrade.
        group: only devices of this group.
        location: only devices at this location.
        created_by: the user who launches it.
        idempotency_key: a key that names this launch, one batch per user and key.

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
        idempotency_key=idempotency_key,
        next_run_at=timezone.now() + leases.STAMP,
    )
    # who asks and under which key is no input, the database watches over both
    batch.full_clean(exclude=["created_by"], validate_constraints=False)
    batch.save()
    wakeups.batch_on_commit(batch.pk, firmwareless, partial(_is_due, batch.pk))
    return batch


def _is_due(batch_id: PrimaryKey) -> None:
    # nobody was told: whoever looks first launches it
    rows = load_model("BatchUpgradeOperation").objects.filter(pk=batch_id)
    rows.filter(launched=False).update(next_run_at=Now())


def _refuse_nothing_to_do(
    build: Build, firmwareless: bool, group: Owned | None, location: Owned | None
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


def launch_by_id(batch_id: PrimaryKey, firmwareless: bool) -> None:
    """Launches a mass upgrade; what the Celery task does.

    Arguments:
        batch_id: primary key of the batch.
        firmwareless: whether to include devices whose firmware is not known.
    """
    rows = load_model("BatchUpgradeOperation").objects
    rows = rows.select_related("build__category", "group", "location", "created_by")
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


def _time_out(batch: Batch) -> None:
    logger.warning("The launch of the mass upgrade %s timed out", batch.pk)
    batch.status = str(BatchStatus.FAILED)
    # its due time stays: the launch was cut short
    batch.launched = True
    batch.save(update_fields=["status", "launched", "modified"])


def launch_batch(batch: Batch, firmwareless: bool) -> None:
    """Creates the operations of a mass upgrade that has none or some of them.

    Arguments:
        batch: the mass upgrade.
        firmwareless: whether to include devices whose firmware is not known.
    """
    if batch.launched or not _begin(batch, firmwareless):
        return
    batch.upgrade_related_devices()
    if firmwareless:
        batch.upgrade_firmwareless_devices()
    rows = type(batch).objects.filter(pk=batch.pk, launched=False)
    rows.update(launched=True, next_run_at=None, modified=Now())
    batch.refresh_from_db(fields=["launched", "next_run_at", "status"])
    settle_batch(batch)


def _begin(batch: Batch, firmwareless: bool) -> bool:
    # if this worker dies another one goes on once a lease would have run out
    seconds = leases.lease_seconds()
    fields: dict[str, Any] = {
        "status": str(BatchStatus.IN_PROGRESS),
        "firmwareless": firmwareless,
    }
    # a cancel that came first is not overwritten
    rows = type(batch).objects.filter(pk=batch.pk, launched=False)
    due = leases.seconds_from_now(seconds)
    if not rows.update(**fields, next_run_at=due, modified=Now()):
        return False
    batch.status, batch.firmwareless = fields["status"], firmwareless
    batch.next_run_at = timezone.now() + timedelta(seconds=seconds)
    tell_saved(batch, fields)
    return True


def launch_related(batch: Batch) -> None:
    """Creates operations for the devices that run firmware of the category."""
    images = {image.type: image for image in _images(batch)}
    rows = related_device_firmwares(
        batch.build, group=batch.group, location=batch.location
    )
    rows = rows.filter(image__type__in=images).select_related(None)
    found = list(rows.values_list("device_id", "image__type"))
    for chunk in _chunks([Candidate(pk, images[name]) for pk, name in found]):
        insert_operations(batch, chunk)


def launch_firmwareless(batch: Batch) -> None:
    """Creates operations for the devices whose firmware is not known."""
    seen: set[PrimaryKey] = set()
    for image in _images(batch):
        rows = firmwareless_devices(
            batch.build,
            boards=image.boards,
            group=batch.group,
            location=batch.location,
        )
        fresh = [pk for pk in rows.values_list("pk", flat=True) if pk not in seen]
        seen.update(fresh)
        for chunk in _chunks([Candidate(pk, image) for pk in fresh]):
            insert_operations(batch, chunk)


def _images(batch: Batch) -> list[Image]:
    rows = batch.build.firmwareimage_set.select_related("build__category")
    return list(rows.order_by("created"))


def _chunks(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    for start in range(0, len(candidates), CHUNK):
        yield candidates[start : start + CHUNK]


def launches_not_begun() -> QuerySet[Batch]:
    """Returns the launches whose wake-up should have reached a worker by now."""
    rows = load_model("BatchUpgradeOperation").objects
    ticks, stamp = 2 * leases.tick_seconds(), leases.STAMP.total_seconds()
    idle = Q(status=BatchStatus.IDLE, created__lt=leases.seconds_from_now(-ticks))
    # begun by a worker that died, and due later than any lease: woken up in vain
    lease = leases.seconds_from_now(leases.lease_seconds())
    begun = Q(status=BatchStatus.IN_PROGRESS, next_run_at__gt=lease)
    begun &= Q(next_run_at__lt=leases.seconds_from_now(stamp - ticks))
    return rows.filter(idle | begun, launched=False, next_run_at__gt=Now())


def continue_launches() -> None:
    """Wakes workers for launches that were not begun or not finished in time."""
    rows = load_model("BatchUpgradeOperation").objects
    due = rows.filter(launched=False, next_run_at__lte=Now()).order_by("next_run_at")
    for pk, firmwareless in list(due.values_list("pk", "firmwareless")[:CHUNK]):
        # the stamp is taken by one of several scans that find the same launch
        stamp = leases.seconds_from_now(leases.STAMP.total_seconds())
        mine = due.order_by().filter(pk=pk).update(next_run_at=stamp)
        if mine and not wakeups.send("batch_upgrade_operation", str(pk), firmwareless):
            return
