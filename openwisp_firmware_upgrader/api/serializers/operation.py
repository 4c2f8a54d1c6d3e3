"""Upgrade operations in JSON; nothing of them can be written."""

from __future__ import annotations

from drf_yasg.utils import swagger_serializer_method
from rest_framework import serializers

from ...protocols import Operation, PrimaryKey
from ...swapper import load_model
from .base import BaseSerializer

UpgradeOperation = load_model("UpgradeOperation")

# what clients of 1.3.1 do not know
ADDED = [
    "batch",
    "device_name",
    "image_label",
    "phase",
    "next_run_at",
    "attempts",
    "upgrade_options",
]
# what the label of an image and the name of a device need
RELATED = ("device__organization", "image__build__category")


class OperationFields(BaseSerializer):
    """The fields that the two views of an operation share."""

    device_name = serializers.CharField(source="device.name", read_only=True)
    image_label = serializers.SerializerMethodField()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._labels: dict[PrimaryKey, str] = {}

    @swagger_serializer_method(serializers.CharField(read_only=True, allow_null=True))
    def get_image_label(self, operation: Operation) -> str | None:
        """Returns build and type of the image, null when it was deleted."""
        if operation.image_id is None:
            return None
        # thousands of operations share a handful of images
        if operation.image_id not in self._labels:
            self._labels[operation.image_id] = str(operation.image)
        return self._labels[operation.image_id]


# what the OpenAPI document must know of fields nobody can write
MAY_BE_EMPTY = {
    "image": {"allow_null": True, "read_only": True},
    "batch": {"allow_null": True, "read_only": True},
    "next_run_at": {"allow_null": True, "read_only": True},
    "log": {"allow_blank": True, "read_only": True},
}


class UpgradeOperationSerializer(OperationFields):
    """An operation with its log."""

    class Meta:
        model = UpgradeOperation
        fields = [
            "id",
            "device",
            "image",
            "status",
            "log",
            "progress",
            "modified",
            "created",
            *ADDED,
        ]
        read_only_fields = fields
        extra_kwargs = MAY_BE_EMPTY


class DeviceUpgradeOperationSerializer(OperationFields):
    """An operation as the list of its device shows it."""

    class Meta:
        model = UpgradeOperation
        fields = [
            "id",
            "device",
            "image",
            "status",
            "log",
            "progress",
            "modified",
            *ADDED,
        ]
        read_only_fields = fields
        extra_kwargs = MAY_BE_EMPTY
