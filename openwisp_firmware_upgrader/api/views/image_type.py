"""The types of images and the boards they fit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from openwisp_users.api.mixins import ProtectedAPIMixin as BaseProtectedAPIMixin
from openwisp_utils.api.pagination import OpenWispPagination
from rest_framework import generics, serializers

from ...hardware import FIRMWARE_IMAGE_MAP
from ...protocols import Image
from ...swapper import load_model
from .. import documentation as docs
from ..schema import UpgraderAutoSchema


class ImageTypeSerializer(serializers.Serializer):
    """A type of image; its name is the ``type`` of images."""

    type = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    boards = serializers.ListField(
        child=serializers.CharField(read_only=True), read_only=True
    )


@docs.documented(get=docs.IMAGE_TYPES)
class ImageTypeListView(BaseProtectedAPIMixin, generics.ListAPIView):
    """Lists the types of images; ``board`` finds those that fit a board."""

    # whoever may look at images may know their types
    queryset = load_model("FirmwareImage").objects.none()
    serializer_class = ImageTypeSerializer
    pagination_class = OpenWispPagination
    throttle_scope = "firmware_upgrader"
    swagger_schema = UpgraderAutoSchema
    filter_backends = ()

    def filter_queryset(self, queryset: QuerySet[Image]) -> list[dict[str, Any]]:
        """Returns the types, in the order of the table."""
        board = self.request.query_params.get("board")
        return [
            {"type": name, **entry}
            for name, entry in FIRMWARE_IMAGE_MAP.items()
            if not board or board in entry["boards"]
        ]


image_type_list = ImageTypeListView.as_view()
