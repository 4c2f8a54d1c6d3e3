"""The field of the admin's forms that takes upgrade options."""

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

from ..foreign_text import is_storable
from ..widgets import FirmwareSchemaWidget


class UpgradeOptionsField(forms.JSONField):
    """JSON that can be stored, edited as the schema of the upgrader says."""

    widget = FirmwareSchemaWidget

    def to_python(self, value):
        """Returns the options; refuses what a database cannot store."""
        try:
            options = super().to_python(value)
        except (ValueError, RecursionError) as error:
            # thousands of digits or of brackets
            raise ValidationError(_unstorable()) from error
        if not is_storable(options):
            raise ValidationError(_unstorable())
        return options

    def bound_data(self, data, initial):
        """Returns what a form that was refused shows again."""
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)

    def has_changed(self, initial, data):
        """Tells whether the options differ; what cannot be read does."""
        try:
            return super().has_changed(initial, data)
        except (ValueError, RecursionError):
            return True


def _unstorable():
    return _("These upgrade options cannot be stored.")
