"""Mass upgrade operations: all devices of a category to one build."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel
from swapper import get_model_name as get_any_model_name

from ...actions import launch_batch
from ...protocols import (
    Build,
    Device,
    DeviceFirmware,
    JsonObject,
    Operation,
    Owned,
    Row,
    UpgraderClass,
)
from ...selectors.devices import dry_run, upgrader_class_of_batch
from ...state.settle_batch import settle_batch
from ...statuses import BatchStatus, OperationStatus
from ...swapper import get_model_name
from .operation import local_time
from .options import UpgradeOptionsMixin


class AbstractBatchUpgradeOperation(UpgradeOptionsMixin, TimeStampedEditableModel):
    """The upgrade of many devices to the images of one build."""

    STATUS_CHOICES = BatchStatus.choices

    build = models.ForeignKey(get_model_name("Build"), on_delete=models.CASCADE)
    group = models.ForeignKey(
        get_any_model_name("config", "DeviceGroup"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("device group"),
        help_text=_("only devices of this group are upgraded"),
    )
    location = models.ForeignKey(
        get_any_model_name("geo", "Location"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("location"),
        help_text=_("only devices at this location are upgraded"),
    )
    status = models.CharField(
        max_length=12, choices=BatchStatus.choices, default=str(BatchStatus.IDLE)
    )
    firmwareless = models.BooleanField(default=False, editable=False)
    launched = models.BooleanField(default=False, editable=False)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    idempotency_key = models.CharField(
        max_length=255, blank=True, default="", editable=False
    )

    class Meta:
        abstract = True
        verbose_name = _("Mass upgrade operation")
        verbose_name_plural = _("Mass upgrade operations")
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="fw_batch_one_launch_a_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.build} ({local_time(self.created)})"

    def clean(self) -> None:
        """Refuses a group or location of another organization."""
        super().clean()
        if not self.build_id:
            return
        organization_id = self.build.category.organization_id
        if organization_id is None:
            return
        text = _("The organization of this differs from the organization of the build.")
        for field in ("group", "location"):
            related = getattr(self, field)
            if related is not None and related.organization_id != organization_id:
                raise ValidationError({field: text})

    @staticmethod
    def dry_run(
        build: Build, group: Owned | None = None, location: Owned | None = None
    ) -> Mapping[str, QuerySet[Row]]:
        """Returns the querysets a launch would upgrade, see ``selectors``."""
        return dry_run(build, group=group, location=location)

    def upgrade(self, firmwareless: bool) -> None:
        """Launches the mass upgrade, see ``actions.launch_batch``."""
        launch_batch.launch_batch(self, firmwareless)

    def upgrade_related_devices(self) -> None:
        """Launches for the devices that run firmware of the category."""
        launch_batch.launch_related(self)

    def upgrade_firmwareless_devices(self) -> None:
        """Launches for the devices whose firmware is not known."""
        launch_batch.launch_firmwareless(self)

    def calculate_and_update_status(self) -> tuple[str, Mapping[str, int]]:
        """Stores what the operations amount to; returns (status, counts)."""
        return settle_batch(self)

    @cached_property
    def upgrade_operations(self) -> QuerySet[Operation]:
        """The operations of this mass upgrade."""
        return self.upgradeoperation_set.all()

    @cached_property
    def total_operations(self) -> int:
        """How many operations there are."""
        return self.upgrade_operations.count()

    @property
    def progress_report(self) -> str:
        """How many operations have ended, in words."""
        waiting = self.upgrade_operations.filter(status=OperationStatus.IN_PROGRESS)
        counts = {
            "done": self.total_operations - waiting.count(),
            "total": self.total_operations,
        }
        return _("%(done)s out of %(total)s") % counts

    @property
    def success_rate(self) -> Decimal | int:
        """Percentage of successful operations."""
        return self._rate(OperationStatus.SUCCESS)

    @property
    def failed_rate(self) -> Decimal | int:
        """Percentage of failed operations."""
        return self._rate(OperationStatus.FAILED)

    @property
    def aborted_rate(self) -> Decimal | int:
        """Percentage of aborted operations."""
        return self._rate(OperationStatus.ABORTED)

    @property
    def cancelled_rate(self) -> Decimal | int:
        """Percentage of cancelled operations."""
        return self._rate(OperationStatus.CANCELLED)

    def _rate(self, status: str) -> Decimal | int:
        if not self.total_operations:
            return 0
        found = self.upgrade_operations.filter(status=status).count()
        return round(Decimal(found) / Decimal(self.total_operations) * 100, 2)

    @property
    def upgrader_class(self) -> UpgraderClass | None:
        """The upgrader of the devices, None without devices."""
        return self._get_upgrader_class()

    @property
    def upgrader_schema(self) -> JsonObject | None:
        """The schema of the upgrader's options, None without options."""
        return self._get_upgrader_schema()

    def _get_upgrader_class(
        self,
        related_device_fw: QuerySet[DeviceFirmware] | None = None,
        firmwareless_devices: QuerySet[Device] | None = None,
    ) -> UpgraderClass | None:
        return upgrader_class_of_batch(self, related_device_fw, firmwareless_devices)

    def _get_upgrader_schema(
        self,
        related_device_fw: QuerySet[DeviceFirmware] | None = None,
        firmwareless_devices: QuerySet[Device] | None = None,
    ) -> JsonObject | None:
        found = self._get_upgrader_class(related_device_fw, firmwareless_devices)
        return getattr(found, "SCHEMA", None)
