"""Tries failed upgrades again: new operations in a new batch.

What has ended stays as it is: history is never rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import cast

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from ..engine.install import busy_text
from ..protocols import Batch, Image, Operation, Owned, PrimaryKey, User
from ..selectors import access
from ..selectors.images import may_use
from ..state import leases, wakeups
from ..state.log_times import HEAVY
from ..state.settle_batch import settle_batch
from ..statuses import FINISHED, OperationStatus
from ..swapper import load_model
from .insert_operations import Candidate, insert_operations

CHUNK = 500
RETRYABLE = FINISHED - {OperationStatus.SUCCESS}


def retry_batch(
    batch: Batch, created_by: User | None = None, *, user: User | None = None
) -> Batch:
    """Tries again every operation of a mass upgrade that ended without success.

    Operations whose image was deleted are left out, and those of devices that belong
    to another organization than the build now. A device that cannot be upgraded now
    gets an aborted operation that says why.

    Arguments:
        batch: the mass upgrade; what it has in progress goes on.
        created_by: the user who asks for it.
        user: only operations that this user may change, None for all.

    Returns the new batch.
    Raises ValueError, saying why, when there is nothing to try again.
    """
    rows = _retryable(batch, user)
    related = rows.select_related("image__build__category").defer(*HEAVY)
    found = list(related.order_by("created"))
    if not found:
        raise ValueError(_nothing(batch))
    owner = batch.build.category.organization_id
    return _launch(
        found,
        tell=False,
        build=batch.build,
        upgrade_options=batch.upgrade_options,
        # a category that has changed hands leaves these behind
        group=_of_owner(batch.group, owner),
        location=_of_owner(batch.location, owner),
        firmwareless=batch.firmwareless,
        created_by=created_by,
    )


def _retryable(batch: Batch, user: User | None) -> QuerySet[Operation]:
    rows = access.operations_of(
        user, batch_id=batch.pk, status__in=RETRYABLE, image__isnull=False
    )
    return access.of_owner(batch, rows)


def _nothing(batch: Batch) -> str:
    rows = access.operations_of(None, batch_id=batch.pk, status__in=RETRYABLE)
    if rows.filter(image__isnull=False).exists():
        return _(
            "There is nothing to retry: the devices whose upgrade did not succeed "
            "belong to other organizations, they need an image of their own."
        )
    return _(
        "There is nothing to retry: no operation of this mass upgrade ended "
        "without success."
    )


def _of_owner(restriction: Owned | None, owner: PrimaryKey | None) -> Owned | None:
    foreign = restriction and owner not in (None, restriction.organization_id)
    return None if foreign else restriction


def retry_operation(operation: Operation, created_by: User | None = None) -> Batch:
    """Tries one operation that ended without success again.

    Arguments:
        operation: the operation.
        created_by: the user who asks for it.

    Returns the new batch, which holds one operation.
    Raises ValueError, saying why, when it cannot be tried again.
    """
    _refuse(operation)
    return _launch(
        [operation],
        tell=True,
        build=cast("Image", operation.image).build,
        upgrade_options=operation.upgrade_options,
        created_by=created_by,
    )


def _refuse(operation: Operation) -> None:
    if operation.status not in RETRYABLE:
        text = _("Cannot retry an upgrade operation with status '%(status)s'.")
        raise ValueError(text % {"status": operation.status})
    if operation.image_id is None:
        raise ValueError(
            _("Cannot retry: the image was deleted. Choose another one for the device.")
        )
    if not may_use(operation.device, cast("Image", operation.image).build.category):
        raise ValueError(
            _(
                "Cannot retry: the image belongs to another organization than the "
                "device. Choose another one for the device."
            )
        )
    rows = load_model("UpgradeOperation").objects
    running = rows.filter(
        device_id=operation.device_id, status=OperationStatus.IN_PROGRESS
    )
    if pk := running.values_list("pk", flat=True).first():
        raise ValueError(busy_text(pk))


def _launch(operations: Iterable[Operation], *, tell: bool, **fields: object) -> Batch:
    candidates = {
        o.device_id: Candidate(o.device_id, cast("Image", o.image)) for o in operations
    }
    # all or nothing: a launch found half done would go on with the whole build
    with transaction.atomic():
        batch = load_model("BatchUpgradeOperation")(
            next_run_at=timezone.now() + leases.STAMP, **fields
        )
        batch.save()
        chosen = list(candidates.values())
        for start in range(0, len(chosen), CHUNK):
            insert_operations(batch, chosen[start : start + CHUNK], tell=tell)
        rows = type(batch).objects.filter(pk=batch.pk)
        rows.update(launched=True, next_run_at=None, modified=Now())
        batch.launched, batch.next_run_at = True, None
        _status, counts = settle_batch(batch)
        if not counts["total_operations"]:
            raise ValueError(
                _(
                    "There is nothing to retry any more: what was there a moment ago "
                    "has been deleted or has moved to another organization."
                )
            )
        if not tell:
            # one message whatever their number: a worker sends the others
            transaction.on_commit(partial(wakeups.send, "resume_upgrades"))
    return batch
