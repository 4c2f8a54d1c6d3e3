"""Builds in JSON."""

from ...swapper import load_model
from .base import UUID_EXAMPLE, BaseMeta, BaseSerializer, shown_as
from .category import CategoryRelationSerializer

Build = load_model("Build")


class BuildSerializer(BaseSerializer):
    """A build; its category must be one the user manages."""

    category_relation = CategoryRelationSerializer(read_only=True, source="category")

    class Meta(BaseMeta):
        model = Build
        fields = "__all__"
        swagger_schema_fields = shown_as(
            category=UUID_EXAMPLE, version="24.10.1", os=None, changelog=""
        )
