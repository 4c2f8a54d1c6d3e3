"""The firmware of a device in JSON."""

from __future__ import annotations

from typing import Any

from ... import protocols
from ...actions.assign_image import assign_image
from ...selectors.images import images_for_device
from ...swapper import load_model
from .base import UUID_EXAMPLE, BaseSerializer, shown_as
from .options import UpgradeOptionsField, validate_options

DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")


class DeviceFirmwareSerializer(BaseSerializer):
    """The image of a device; choosing another one starts an upgrade.

    ``device`` in the context is the device.
    """

    upgrade_options = UpgradeOptionsField(required=False)

    class Meta:
        model = DeviceFirmware
        fields = ["id", "image", "installed", "modified", "upgrade_options"]
        read_only_fields = ["installed", "modified"]
        swagger_schema_fields = shown_as(
            image=UUID_EXAMPLE, upgrade_options={"c": True}
        )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        image = self.fields["image"]
        if device := self._device():
            image.queryset = images_for_device(device, self._present())
        elif "request" in self.context:
            image.queryset = FirmwareImage.objects.none()

    def filter_fields(self) -> None:
        """Offers nothing by organization: the device decides, see above."""

    def _present(self) -> protocols.DeviceFirmware | None:
        return self.instance if isinstance(self.instance, DeviceFirmware) else None

    def _device(self) -> protocols.Device | None:
        present = self._present()
        return self.context.get("device") or getattr(present, "device", None)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """Validates the options as the upgrader of the device does."""
        options = data.pop("upgrade_options", {})
        if device := self._device():
            data["device"] = device
        data = super().validate(data)
        if options:
            image = data.get("image") or getattr(self.instance, "image", None)
            operation = load_model("UpgradeOperation")(
                device=self._device(), image=image, upgrade_options=options
            )
            validate_options(operation)
        return {**data, "upgrade_options": options}

    def create(self, validated_data: dict[str, Any]) -> protocols.DeviceFirmware:
        """Saves the firmware of a device that had none."""
        return self._assign(DeviceFirmware(), validated_data)

    def update(
        self, instance: protocols.DeviceFirmware, validated_data: dict[str, Any]
    ) -> protocols.DeviceFirmware:
        """Saves another image for a device."""
        return self._assign(instance, validated_data)

    def _assign(
        self, instance: protocols.DeviceFirmware, validated_data: dict[str, Any]
    ) -> protocols.DeviceFirmware:
        options = validated_data.pop("upgrade_options", {})
        for name, value in validated_data.items():
            setattr(instance, name, value)
        assign_image(
            instance,
            upgrade_options=options,
            requested_by=self.user,
            reject_conflict=self.context.get("reject_conflict", False),
        )
        return instance
