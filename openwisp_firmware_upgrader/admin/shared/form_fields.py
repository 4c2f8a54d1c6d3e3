"""Fields of forms that show an error where Django's raise one."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ...foreign_text import is_storable


class CarefulChoiceField(forms.ModelChoiceField):
    """A choice among rows; what is no key is shown as nothing chosen.

    Select widgets look the chosen row up while a page is rendered.
    """

    def prepare_value(self, value: object) -> object:
        """Returns what the widget shows, None for what cannot be a key."""
        shown = super().prepare_value(value)
        options = self.queryset.model._meta  # noqa: SLF001 documented by Django
        field = options.get_field(self.to_field_name) if self.to_field_name else None
        try:
            (field or options.pk).to_python(shown)
        except (ValidationError, ValueError):
            return None
        return shown


class StorableJSONField(forms.JSONField):
    """JSON that a database stores; everything else is an error of the form."""

    default_error_messages = {
        "unstorable": _(
            "This JSON cannot be stored: it is nested too deeply, or has characters or "
            "numbers that do not exist. Correct it."
        ),
    }

    def to_python(self, value: object) -> object:
        """Returns what the text says; raises ValidationError."""
        try:
            found = super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise self._unstorable() from error
        if not is_storable(found):
            raise self._unstorable()
        return found

    def _unstorable(self) -> ValidationError:
        text = self.error_messages["unstorable"]
        return ValidationError(text, code="unstorable")

    def bound_data(self, data: str | None, initial: object) -> object:
        """Returns what is shown again, as it was typed when it cannot be read."""
        try:
            found = super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return forms.fields.InvalidJSONInput(data)
        return found if is_storable(found) else forms.fields.InvalidJSONInput(data)

    def has_changed(self, initial: object, data: str | None) -> bool:
        """Tells whether something else was typed."""
        try:
            return super().has_changed(initial, data)
        except (RecursionError, ValueError):
            return True
