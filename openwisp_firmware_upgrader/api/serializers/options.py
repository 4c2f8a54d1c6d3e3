"""Options of an upgrade, as clients send them."""

from __future__ import annotations

from django.core.exceptions import ValidationError as ModelValidationError
from django.utils.translation import gettext_lazy as _
from drf_yasg import openapi
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from ...foreign_text import is_storable
from ...protocols import Batch, Operation, Options


class UpgradeOptionsField(serializers.JSONField):
    """An object whose keys the upgrader of the device knows."""

    default_error_messages = {
        "object": _("An object is expected, such as {example}."),
        "unstorable": _("These upgrade options cannot be stored."),
    }

    class Meta:
        swagger_schema_fields = {
            "type": openapi.TYPE_OBJECT,
            "description": "options of the upgrader: for OpenWrt flags of sysupgrade",
            "example": {"c": True},
        }

    def __init__(self, **kwargs: object) -> None:
        kwargs.setdefault("write_only", True)
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> Options:
        """Returns the object; refuses what a database cannot store."""
        try:
            options = super().to_internal_value(data)
        except RecursionError:
            # a form brings them as a text
            self.fail("unstorable")
        if not isinstance(options, dict):
            self.fail("object", example='{"c": true}')
        if not is_storable(options):
            self.fail("unstorable")
        return options


def validate_options(instance: Batch | Operation) -> None:
    """Validates the options of an unsaved batch or operation.

    Raises ValidationError with what the upgrader has against them.
    """
    try:
        instance.validate_upgrade_options()
    except ModelValidationError as error:
        raise ValidationError({"upgrade_options": error.messages}) from error
