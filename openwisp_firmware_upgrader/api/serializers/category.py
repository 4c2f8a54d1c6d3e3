"""Categories in JSON."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from ...swapper import load_model
from .base import UUID_EXAMPLE, BaseMeta, BaseSerializer, shown_as

Category = load_model("Category")


class CategorySerializer(BaseSerializer):
    """A category; without organization it is shared, which superusers decide."""

    class Meta(BaseMeta):
        model = Category
        fields = "__all__"
        swagger_schema_fields = shown_as(
            name="Indoor APs", description="", organization=UUID_EXAMPLE
        )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """Refuses what only superusers may do, and shared twins."""
        self._refuse_sharing(data)
        self._refuse_twin(data)
        return super().validate(data)

    def _refuse_sharing(self, data: dict[str, Any]) -> None:
        kept = self.partial and "organization" not in data
        if self.is_limited() and not kept and data.get("organization") is None:
            text = _(
                "Only superusers can create shared categories, name one of your "
                "organizations."
            )
            raise ValidationError({"organization": [text]})

    def _refuse_twin(self, data: dict[str, Any]) -> None:
        # the database does not compare categories without organization
        organization = data.get(
            "organization", getattr(self.instance, "organization", None)
        )
        name = data.get("name", getattr(self.instance, "name", None))
        if organization is not None:
            return
        same = Category.objects.filter(name=name, organization=None)
        if self.instance is not None:
            same = same.exclude(pk=self.instance.pk)
        if same.exists():
            text = _("A shared category with this name exists already.")
            raise ValidationError({"non_field_errors": [text]}, code="unique")


class CategoryRelationSerializer(BaseSerializer):
    """What a build tells of its category."""

    class Meta:
        model = Category
        fields = ["name", "organization"]
        read_only_fields = fields
