"""Adds one chunk of operations to a mass upgrade, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.db.models.signals import post_save
from django.utils import timezone
from django.utils.translation import gettext as _
from swapper import load_model as load_any_model

from ..engine.install import busy_text
from ..protocols import (
    Batch,
    Device,
    DeviceConnection,
    Image,
    Operation,
    Options,
    PrimaryKey,
)
from ..selectors import eligibility
from ..state import leases, wakeups
from ..state.log_times import FirstTime
from ..statuses import OperationStatus, Phase
from ..swapper import load_model
from ..utils import get_upgrader_class_from_device_connection


@dataclass(frozen=True)
class Candidate:
    """A device of a mass upgrade and the image it is to get."""

    device_id: PrimaryKey
    image: Image


@dataclass
class Known:
    """What one chunk needs to know of its devices, read set-wise."""

    devices: dict[PrimaryKey, Device]
    running: dict[PrimaryKey, PrimaryKey]
    connections: dict[PrimaryKey, DeviceConnection]
    options: Options
    verdicts: dict[str, str] = field(default_factory=dict)


def insert_operations(
    batch: Batch, candidates: list[Candidate], *, tell: bool = True
) -> None:
    """Adds the operations of one chunk in one transaction.

    Arguments:
        batch: the mass upgrade.
        candidates: who gets an operation.
        tell: whether workers and open pages are told, with messages for each
            operation; without it the operations are due at once, whoever looks
            first takes them and pages hear of them when they begin.

    Devices that have an operation of the batch already are left out, so that a
    chunk may be repeated, and so are those that have moved to an organization which
    may not use the build; a batch whose launch has ended gets nothing more. A
    device that cannot be upgraded gets an aborted operation that says why; its
    DeviceFirmware stays as it is.
    """
    with transaction.atomic():
        is_closed, owner = _look_at(batch)
        if is_closed:
            return
        candidates = _without_operation(batch, candidates)
        known = _look_up(batch, candidates, owner)
        created = [
            _operation(batch, candidate, known)
            for candidate in candidates
            if candidate.device_id in known.devices
        ]
        _insert(created, tell)
        _point_to_images(created)
        _stamp(batch)


def _look_at(batch: Batch) -> tuple[bool, PrimaryKey | None]:
    """Returns whether a batch gets nothing more, and the owner of its build."""
    # two launchers of one batch take turns, the second finds nothing left;
    # a batch that was cancelled meanwhile gets no more operations
    rows = type(batch).objects.select_for_update(of=("self",)).filter(pk=batch.pk)
    return rows.values_list("launched", "build__category__organization_id").get()


def _stamp(batch: Batch) -> None:
    due = leases.seconds_from_now(leases.lease_seconds())
    rows = type(batch).objects.filter(pk=batch.pk, launched=False)
    rows.update(next_run_at=due)


def _without_operation(batch: Batch, candidates: list[Candidate]) -> list[Candidate]:
    ids = [candidate.device_id for candidate in candidates]
    rows = load_model("UpgradeOperation").objects.filter(batch=batch, device__in=ids)
    present = set(rows.values_list("device_id", flat=True))
    return [c for c in candidates if c.device_id not in present]


def _look_up(
    batch: Batch, candidates: Iterable[Candidate], owner: PrimaryKey | None
) -> Known:
    ids = [candidate.device_id for candidate in candidates]
    operations = load_model("UpgradeOperation").objects.filter(
        device__in=ids, status=OperationStatus.IN_PROGRESS
    )
    connections = load_any_model("connection", "DeviceConnection").objects
    ssh = Q(enabled=True, update_strategy__icontains="ssh")
    rows = connections.filter(ssh, device__in=ids).order_by("-pk")
    devices = load_any_model("config", "Device").objects.all()
    if owner is not None:
        devices = devices.filter(organization_id=owner)
    return Known(
        devices=devices.in_bulk(ids),
        running=dict(operations.values_list("device_id", "pk")),
        connections={row.device_id: row for row in rows},
        options=batch.upgrade_options or {},
    )


def _refusal(batch: Batch, candidate: Candidate, known: Known) -> str:
    device = known.devices[candidate.device_id]
    connection = known.connections.get(device.pk)
    user = batch.created_by
    problem = eligibility.device_problem(device, candidate.image)
    problem = problem or eligibility.requester_problem(user, device, in_batch=True)
    if problem:
        return problem
    if device.pk in known.running:
        return busy_text(known.running[device.pk])
    if connection is None:
        return _(
            "The device has no enabled SSH connection. Add its credentials before "
            "upgrading it."
        )
    return _refused_options(connection, known)


def _refused_options(connection: DeviceConnection, known: Known) -> str:
    strategy = connection.update_strategy
    if known.options and strategy not in known.verdicts:
        upgrader_class = get_upgrader_class_from_device_connection(connection)
        problem = eligibility.options_problem(upgrader_class, known.options)
        known.verdicts[strategy] = problem
    return known.verdicts.get(strategy, "")


def _operation(batch: Batch, candidate: Candidate, known: Known) -> Operation:
    refusal = _refusal(batch, candidate, known)
    operation = load_model("UpgradeOperation")(
        device=known.devices[candidate.device_id],
        image=candidate.image,
        batch=batch,
        upgrade_options=batch.upgrade_options or {},
        created_by_id=batch.created_by_id,
    )
    if refusal:
        operation.status = str(OperationStatus.ABORTED)
        operation.phase = str(Phase.DONE)
        operation.log, operation.log_times = refusal, FirstTime()
    else:
        operation.next_run_at = timezone.now() + leases.first_stamp()
    return operation


def _insert(created: list[Operation], tell: bool) -> None:
    started = [o.pk for o in created if o.status == OperationStatus.IN_PROGRESS]
    rows = load_model("UpgradeOperation").objects
    rows.bulk_create(created)
    for operation in created:
        # an expression is nothing that could be read
        operation.__dict__.pop("log_times", None)
    # a worker whose clock is wrong must not decide when they are due
    seconds = leases.first_stamp().total_seconds() if tell else 0
    stamp = leases.seconds_from_now(seconds)
    rows.filter(pk__in=started).update(next_run_at=stamp)
    # receivers hear of the rows before a worker may begin with them
    transaction.on_commit(partial(_announce, created, tell))
    if tell:
        wakeups.upgrade_many_on_commit(started)


def _announce(created: list[Operation], live: bool) -> None:
    for operation in created:
        post_save.send(
            sender=type(operation),
            instance=operation,
            created=True,
            update_fields=None,
            raw=False,
            using=operation._state.db,  # noqa: SLF001 documented by Django
            by_engine=True,
            live=live,
        )


def _point_to_images(created: list[Operation]) -> None:
    model = load_model("DeviceFirmware")
    started = [o for o in created if o.status == OperationStatus.IN_PROGRESS]
    paired = model.objects.filter(device__in=[o.device_id for o in started])
    present = set(paired.values_list("device_id", flat=True))
    for image in {cast("Image", operation.image) for operation in started}:
        ids = [o.device_id for o in started if o.image_id == image.pk]
        rows = paired.filter(device__in=ids)
        rows.update(image=image, installed=False, modified=Now())
    model.objects.bulk_create(
        model(device_id=o.device_id, image=o.image, installed=False)
        for o in started
        if o.device_id not in present
    )
