"""Mass upgrades in JSON, and what is sent to launch them."""

from __future__ import annotations

from collections import Counter
from typing import cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from ...protocols import Batch, JsonObject, Operation
from ...selectors import access
from ...statuses import OperationStatus
from ...swapper import load_model
from .base import UUID_EXAMPLE, BaseMeta, BaseSerializer, ManagedChoices, shown_as
from .build import BuildSerializer
from .operation import RELATED, UpgradeOperationSerializer
from .options import UpgradeOptionsField

BatchUpgradeOperation = load_model("BatchUpgradeOperation")

# columns of the engine, nobody's business
ENGINE = ["firmwareless", "launched", "next_run_at", "created_by", "idempotency_key"]


class SelectionSerializer(ManagedChoices, serializers.ModelSerializer):
    """Which devices a mass upgrade is about."""

    upgrade_all = serializers.BooleanField(
        default=False,
        help_text=gettext_lazy(
            "whether to include devices whose firmware is not known yet"
        ),
    )


class BatchUpgradeSerializer(SelectionSerializer):
    """What is sent to launch a mass upgrade."""

    upgrade_options = UpgradeOptionsField(required=False)

    class Meta:
        model = BatchUpgradeOperation
        fields = ["upgrade_all", "group", "location", "upgrade_options"]
        swagger_schema_fields = shown_as(
            upgrade_all=True, group=UUID_EXAMPLE, upgrade_options={"c": True}
        )


class PreviewSerializer(SelectionSerializer):
    """What is asked of the preview of a mass upgrade."""

    summary = serializers.BooleanField(default=False)

    class Meta:
        model = BatchUpgradeOperation
        fields = ["upgrade_all", "group", "location", "summary"]


class BatchUpgradeOperationListSerializer(BaseSerializer):
    """A mass upgrade as lists show it."""

    build = BuildSerializer(read_only=True)

    class Meta(BaseMeta):
        model = BatchUpgradeOperation
        exclude = ENGINE
        read_only_fields = [*BaseMeta.read_only_fields, "status"]

    def to_representation(self, instance: Batch) -> JsonObject:
        """Returns the batch; who does not manage group or location reads null."""
        data = super().to_representation(instance)
        for name in ("group", "location"):
            if self.is_limited() and not access.sees_restriction(
                self.user, instance, name
            ):
                data[name] = None
        return data


class ReportField(serializers.IntegerField):
    """Percentage of the operations with one status, truncated."""

    def __init__(self, status: str, **kwargs: object) -> None:
        super().__init__(read_only=True, source="*", **kwargs)
        self.status = status

    def to_representation(self, value: Batch) -> int:
        """Returns the percentage among the operations that are shown."""
        operations = self.parent.operations_of(value)
        found = Counter(operation.status for operation in operations)
        return found[self.status] * 100 // len(operations) if operations else 0


class ProgressField(serializers.CharField):
    """How many operations have ended, in words."""

    def to_representation(self, value: Batch) -> str:
        """Returns the number of ended operations out of all that are shown."""
        operations = self.parent.operations_of(value)
        ended = [o for o in operations if o.status != OperationStatus.IN_PROGRESS]
        counts = {"done": len(ended), "total": len(operations)}
        return _("%(done)s out of %(total)s") % counts


class OperationsField(serializers.ListSerializer):
    """The operations of the batch that the user may see."""

    def get_attribute(self, instance: Batch) -> list[Operation]:
        """Returns the operations, looked up once for all fields."""
        return self.parent.operations_of(instance)


class BatchUpgradeOperationSerializer(BatchUpgradeOperationListSerializer):
    """A mass upgrade with its operations, as far as the user may see them."""

    progress_report = ProgressField(read_only=True, source="*")
    success_rate = ReportField(OperationStatus.SUCCESS)
    failed_rate = ReportField(OperationStatus.FAILED)
    aborted_rate = ReportField(OperationStatus.ABORTED)
    cancelled_rate = ReportField(OperationStatus.CANCELLED)
    upgradeoperations = OperationsField(
        child=UpgradeOperationSerializer(), read_only=True
    )

    class Meta(BatchUpgradeOperationListSerializer.Meta):
        pass

    def to_representation(self, instance: Batch) -> JsonObject:
        """Returns the batch with a report of what the user may see."""
        self._operations: list[Operation] | None = None
        return super().to_representation(instance)

    def operations_of(self, batch: Batch) -> list[Operation]:
        """Returns the operations of a batch that the user may see."""
        if getattr(self, "_operations", None) is None:
            rows = access.operations_of(self.user, batch=batch)
            rows = rows.select_related(*RELATED).defer("log_times")
            self._operations = list(rows.order_by("created", "pk"))
        return cast("list[Operation]", self._operations)
