"""Upgrade operations: the upgrade of one device, from launch to proof."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel
from swapper import get_model_name as get_any_model_name

from ...actions import cancel_operation
from ...constants import DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR
from ...engine import outcomes, worker
from ...exceptions import RecoverableFailure
from ...protocols import JsonObject, UpgraderClass
from ...state import journal, leases
from ...state.decisions import Retry
from ...state.run import Run, run_of
from ...state.settle_batch import settle_batch
from ...statuses import OperationStatus, Phase
from ...swapper import get_model_name
from ...utils import get_upgrader_class_for_device, get_upgrader_schema_for_device
from .options import UpgradeOptionsMixin

PROGRESS_MIN = 0
PROGRESS_MAX = 100


def local_time(moment: datetime) -> str:
    """Returns a moment in the local time zone, to the second."""
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")


class AbstractUpgradeOperation(UpgradeOptionsMixin, TimeStampedEditableModel):
    """The upgrade of one device; its row is all that the engine knows of it."""

    CANCELLABLE_STATUS = str(OperationStatus.IN_PROGRESS)
    STATUS_CHOICES = OperationStatus.choices

    # what works on the operation in this process, see ``state.run``
    run: Run | None = None

    device = models.ForeignKey(
        get_any_model_name("config", "Device"), on_delete=models.CASCADE
    )
    image = models.ForeignKey(
        get_model_name("FirmwareImage"), on_delete=models.SET_NULL, null=True
    )
    status = models.CharField(
        max_length=12,
        choices=OperationStatus.choices,
        default=str(OperationStatus.IN_PROGRESS),
    )
    log = models.TextField(blank=True)
    log_times = models.TextField(blank=True, default="", editable=False)
    progress = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(PROGRESS_MAX)]
    )
    batch = models.ForeignKey(
        get_model_name("BatchUpgradeOperation"),
        on_delete=models.CASCADE,
        blank=True,
        null=True,
    )
    phase = models.CharField(
        max_length=16,
        choices=Phase.choices,
        default=str(Phase.QUEUED),
        editable=False,
    )
    runs = models.PositiveIntegerField(default=0, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    evidence = models.JSONField(default=dict, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["batch", "status"]),
            models.Index(
                fields=["next_run_at"],
                condition=Q(status="in-progress"),
                name="fw_operation_next_run_at",
            ),
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(lease_expires_at__isnull=False),
                name="fw_operation_lease_expires",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(lease_expires_at__isnull=False),
                name="fw_one_lease_per_device",
            )
        ]

    def __str__(self) -> str:
        return f"{self.device} {local_time(self.created)}"

    @property
    def upgrader_class(self) -> UpgraderClass | None:
        """The upgrader of the device; DoesNotExist without a connection."""
        return get_upgrader_class_for_device(self.device)

    @property
    def upgrader_schema(self) -> JsonObject | None:
        """The schema of the upgrader's options, None without options."""
        return get_upgrader_schema_for_device(self.device)

    def clean(self) -> None:
        """Validates options and device; stored options stay valid for ever."""
        try:
            super().clean()
        except ValidationError:
            if self._state.adding:
                raise
        if self.device.is_deactivated():
            raise ValidationError(DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves the row; a new one waits for a worker, an ended one settles."""
        in_progress = self.status == OperationStatus.IN_PROGRESS
        if self._state.adding:
            self._prepare_new(in_progress)
        # the log in memory has the buffered lines already
        if self.run is not None:
            self.run.take_lines()
        super().save(*args, **kwargs)
        if self.batch_id and not in_progress:
            settle_batch(self.batch)

    def _prepare_new(self, in_progress: bool) -> None:
        if not in_progress:
            self.phase = str(Phase.DONE)
        elif self.next_run_at is None and self.lease_expires_at is None:
            self.next_run_at = timezone.now() + leases.first_stamp()

    def log_line(self, line: str, save: bool = True) -> None:
        """Appends a line to the log, see ``journal.log_line``."""
        journal.log_line(self, line, save)

    def update_progress(self, progress: int, save: bool = True) -> None:
        """Sets the progress in percent; ValidationError outside 0 to 100."""
        if isinstance(progress, bool) or not isinstance(progress, int | float):
            text = _("Progress must be numeric, got %(type)s.")
            raise ValidationError(text % {"type": type(progress).__name__})
        if not PROGRESS_MIN <= progress <= PROGRESS_MAX:
            text = _("Progress must be between %(min)s and %(max)s, got %(value)s.")
            limits = {"min": PROGRESS_MIN, "max": PROGRESS_MAX, "value": progress}
            raise ValidationError(text % limits)
        journal.update_progress(self, int(progress), save)

    def cancel(self) -> None:
        """Cancels the operation; ValueError, saying why, when it is too late."""
        cancel_operation.cancel_operation(self)

    def upgrade(self, recoverable: bool = True) -> None:
        """Upgrades the device, see ``engine.worker``."""
        worker.upgrade(self, recoverable=recoverable)

    def _recoverable_failure_handler(
        self, recoverable: bool, error: RecoverableFailure
    ) -> None:
        run = run_of(self)
        run.decision = outcomes.retry_later(run, error, recoverable)
        if isinstance(run.decision, Retry):
            raise run.decision.error
