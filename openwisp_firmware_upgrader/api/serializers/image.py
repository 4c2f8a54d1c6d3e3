"""Firmware images in JSON."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from drf_yasg.utils import swagger_serializer_method
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.reverse import reverse

from ...hardware import FIRMWARE_IMAGE_MAP
from ...protocols import Image
from ...swapper import load_model
from .base import BaseMeta, BaseSerializer

FirmwareImage = load_model("FirmwareImage")


class DownloadField(serializers.FileField):
    """An uploaded file, shown as the URL of its download."""

    def get_attribute(self, instance: Image) -> Image:
        """Returns the image: its ids make the URL."""
        return instance

    def to_representation(self, value: Image) -> str:
        """Returns the URL, absolute when the host is known."""
        return reverse(
            "upgrader:api_firmware_download",
            args=[value.build_id, value.pk],
            request=self.context.get("request"),
        )


class FirmwareImageSerializer(BaseSerializer):
    """An image; its build is the one of the URL."""

    file = DownloadField(help_text=_("the firmware file"))
    file_name = serializers.SerializerMethodField()

    class Meta(BaseMeta):
        model = FirmwareImage
        exclude = ["metadata"]
        read_only_fields = [*BaseMeta.read_only_fields, "build"]
        extra_kwargs = {
            "type": {"required": True},
            "size": {"allow_null": True, "help_text": _("bytes of the file")},
            "checksum": {
                "allow_blank": True,
                "help_text": _("SHA-256 of the file, empty when unknown"),
            },
        }

    @swagger_serializer_method(serializers.CharField(read_only=True))
    def get_file_name(self, image: Image) -> str:
        """Returns the name of the file without its folder."""
        return PurePosixPath(image.file.name).name

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """Finds an empty type out from the file name, as the model does."""
        if not data.get("type") and "file" in data:
            data["type"] = self._type_of(data["file"])
        if build := self.context.get("build"):
            data["build"] = build
        return super().validate(data)

    def _type_of(self, file: UploadedFile) -> str:
        found = file.name.split("-", 1)[-1]
        if found not in FIRMWARE_IMAGE_MAP:
            text = _(
                "The type could not be found out from the name of the file, choose it."
            )
            raise ValidationError({"type": [text]})
        return found
