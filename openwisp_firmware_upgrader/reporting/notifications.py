"""Tells people how upgrades ended, through openwisp-notifications.

A mass upgrade is told once, with its counts, not device by device. Everything
runs on commit and nothing that goes wrong here reaches an upgrade.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.swapper import load_model as load_notification_model
from openwisp_notifications.types import (
    NOTIFICATION_TYPES,
    register_notification_type,
)
from swapper import load_model as load_any_model

from ..exceptions import FirmwareNotChanged
from ..protocols import Batch, Operation, PrimaryKey, Row, User
from ..selectors import access
from ..signals import mass_upgrade_finished
from ..state.log import reason
from ..state.run import run_of
from ..state.settle_batch import count_operations
from ..statuses import BatchStatus, OperationStatus
from ..swapper import load_model

logger = logging.getLogger(__name__)

FINISHED = "firmware_mass_upgrade_finished"
FAILED = "firmware_upgrade_failed"
NOT_CHANGED = "firmware_not_changed"

TOLD = (OperationStatus.FAILED, OperationStatus.ABORTED)
TAB = "#upgradeoperation_set-group"
REASON_LENGTH = 300

Told = TypeVar("Told", bound=Row)

TYPES = {
    FINISHED: {
        "verbose_name": _("Firmware: mass upgrade finished"),
        "verb": _("finished"),
        "level": "info",
        "email_subject": _("[{site.name}] The mass upgrade to {build} has ended"),
    },
    FAILED: {
        "verbose_name": _("Firmware: upgrade failed"),
        "verb": _("failed"),
        "level": "error",
        "email_subject": _("[{site.name}] The upgrade of {device} failed"),
    },
    NOT_CHANGED: {
        "verbose_name": _("Firmware: device kept its old firmware"),
        "verb": _("not changed"),
        "level": "error",
        "email_subject": _("[{site.name}] {device} came back with its old firmware"),
    },
}


def register_types() -> None:
    """Registers the types of notifications of this app."""
    # deletions of these remove their notifications; operations have too many
    models = [load_any_model("config", "Device"), load_model("BatchUpgradeOperation")]
    for name, config in TYPES.items():
        if name not in NOTIFICATION_TYPES:
            template = f"firmware_upgrader/notifications/{name}.md"
            register_notification_type(
                name, {**config, "message_template": template}, models=models
            )


def connect() -> None:
    """Connects the ends of upgrades to the notifications about them."""
    post_save.connect(
        operation_ended,
        sender=load_model("UpgradeOperation"),
        dispatch_uid="upgrade_operation.notify",
    )
    mass_upgrade_finished.connect(
        batch_finished, dispatch_uid="batch_upgrade_operation.notify"
    )


def operation_ended(
    sender: type[Row],
    instance: Operation,
    update_fields: Collection[str] | None = None,
    by_engine: bool = False,
    **kwargs: object,
) -> None:
    """Receiver: the engine stored the end of an operation, once."""
    if not by_engine or instance.batch_id is not None:
        return
    if "status" in (update_fields or ()) and instance.status in TOLD:
        _tell_safely(_tell_operation, instance)


def batch_finished(sender: type[Row], instance: Batch, **kwargs: object) -> None:
    """Receiver: nothing of a mass upgrade is in progress any more."""
    _tell_safely(_tell_batch, instance)


def _tell_safely(tell: Callable[[Told], None], instance: Told) -> None:
    try:
        # what fails inside leaves no broken transaction behind
        with transaction.atomic():
            tell(instance)
    except Exception:
        logger.exception("Could not notify about %s", instance.pk)


def _tell_operation(operation: Operation) -> None:
    unchanged = isinstance(run_of(operation).outcome, FirmwareNotChanged)
    device = operation.device
    # it may have moved while the worker was busy with it
    device.refresh_from_db(fields=["organization"])
    _send(
        NOT_CHANGED if unchanged else FAILED,
        operation.created_by_id,
        device.organization_id,
        sender=operation,
        target=device,
        target_url_suffix=TAB,
        device=device.name,
        device_text=_plain(device.name),
        image_text=_plain(str(operation.image or "")),
        reason_text=_plain(_reason(operation)),
    )


def _reason(operation: Operation) -> str:
    rows = type(operation).objects.filter(pk=operation.pk)
    log, evidence = rows.values_list("log", "evidence").first() or ("", None)
    return " ".join(reason(log, evidence).split("\n"))[:REASON_LENGTH]


def _tell_batch(batch: Batch) -> None:
    organization_id = batch.build.category.organization_id
    # openwisp-notifications asks its target whose it is
    batch.organization_id = organization_id
    # what managers of the build's organization may read, one text for all of them
    everything = access.operations_of(None, batch_id=batch.pk)
    counts = count_operations(batch, access.of_owner(batch, everything))
    ended_well = batch.status == BatchStatus.SUCCESS
    _send(
        FINISHED,
        batch.created_by_id,
        organization_id,
        sender=batch,
        target=batch,
        level="success" if ended_well else "warning",
        build=str(batch.build),
        build_text=_plain(str(batch.build)),
        total=counts["total_operations"],
        successful=counts["successful"],
        failed=counts["failed"],
        aborted=counts["aborted"],
        cancelled=counts["cancelled"],
    )


def _plain(text: str) -> str:
    """Escapes what Markdown would make a link or a heading of."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>])", r"\\\1", text)


def _send(
    name: str,
    launched_by: PrimaryKey | None,
    organization_id: PrimaryKey | None,
    **options: Any,
) -> None:
    answers = notify.send(type=name, **options)
    told = {row.recipient_id for _receiver, rows in answers for row in rows or ()}
    if launched_by is None or launched_by in told:
        return
    users = get_user_model().objects.filter(pk=launched_by, is_active=True)
    user = users.first()
    if user is not None and _wants(user, name, organization_id, options["target"]):
        notify.send(type=name, recipient=user, **options)


def _wants(
    user: User, name: str, organization_id: PrimaryKey | None, target: Row
) -> bool:
    # who has left the organization is told nothing about it
    stays = organization_id is not None and user.is_member(organization_id)
    if not user.is_superuser and not stays:
        return False
    settings = load_notification_model("NotificationSetting").objects.filter(
        user=user, type=name, organization_id=organization_id, deleted=False
    )
    setting = settings.first()
    if setting is not None and not setting.web_notification:
        return False
    ignored = load_notification_model("IgnoreObjectNotification").objects.filter(
        user=user,
        object_id=target.pk,
        object_content_type=ContentType.objects.get_for_model(target),
    )
    now = timezone.now()
    return not ignored.filter(Q(valid_till=None) | Q(valid_till__gt=now)).exists()
