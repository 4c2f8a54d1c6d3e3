"""Form widgets of the admin."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.admin.widgets import get_select2_language
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import Media, Select
from django.forms.models import ModelChoiceIterator
from django.utils.translation import gettext_lazy as _
from openwisp_controller.config.widgets import JsonSchemaWidget

from .protocols import JsonObject, Row
from .swapper import load_model

DeviceFirmware = load_model("DeviceFirmware")
UpgradeOperation = load_model("UpgradeOperation")
_options = UpgradeOperation._meta  # noqa: SLF001 documented by Django

# a select with more rows than this loads them as somebody types
MAX_CHOICES = 200


def select2_media() -> Media:
    """Returns select2 as the admin ships it, in the language of the request."""
    vendor = "admin/js/vendor"
    # the same files as Django's own widgets, or jQuery would be loaded twice
    extra = "" if settings.DEBUG else ".min"
    language = get_select2_language()
    translation = [f"{vendor}/select2/i18n/{language}.js"] if language else []
    return Media(
        js=[
            f"{vendor}/jquery/jquery{extra}.js",
            f"{vendor}/select2/select2.full{extra}.js",
            *translation,
            "admin/js/jquery.init.js",
        ],
        css={"screen": [f"{vendor.replace('js', 'css')}/select2/select2{extra}.css"]},
    )


class FirmwareSchemaWidget(JsonSchemaWidget):
    """Edits upgrade options as the upgrader's schema, which the page brings."""

    schema_view_name = None
    app_label_model = f"{_options.app_label}_{_options.model_name}"
    netjsonconfig_hint = False
    advanced_mode = False
    extra_attrs = {"data-show-errors": "never", "class": "manual"}

    @property
    def media(self) -> Media:
        """Scripts and styles of the editor and of the options."""
        css = {"all": ["firmware-upgrader/css/upgrade-options.css"]}
        return super().media + Media(css=css)


class MassUpgradeSelect2Widget(Select):
    """A select that can be searched and cleared.

    With ``choices_url`` set and more than 200 choices only the selected one is
    written into the page, the rest is asked for under that URL.
    """

    choices: ModelChoiceIterator | Iterable[tuple[object, str]]
    choices_url = ""
    _is_long = False

    def __init__(
        self, attrs: dict[str, object] | None = None, placeholder: str | None = None
    ) -> None:
        shown = placeholder or _("Choose or leave empty")
        options = {
            "class": "select2-input",
            "data-placeholder": shown,
            "data-allow-clear": "true",
            **(attrs or {}),
        }
        super().__init__(attrs=options)

    @property
    def media(self) -> Media:
        """Select2 and the script that turns the select into one."""
        return select2_media() + Media(
            js=[
                "admin/js/jquery.init.js",
                "firmware-upgrader/js/mass-upgrade-select2.js",
            ],
            css={
                "all": ["admin/css/autocomplete.css", "admin/css/ow-auto-filter.css"],
            },
        )

    def get_context(
        self, name: str, value: object, attrs: dict[str, object] | None
    ) -> JsonObject:
        """Adds where choices are loaded from when there are too many."""
        context = super().get_context(name, value, attrs)
        if self._is_long:
            context["widget"]["attrs"]["data-ajax-url"] = self.choices_url
        return context

    def optgroups(
        self, name: str, value: list[str], attrs: dict[str, object] | None = None
    ) -> list[tuple[str | None, list[JsonObject], int]]:
        """Returns the choices to write into the page."""
        choices = self.choices
        self.choices = self._written_choices(choices, value)
        try:
            return super().optgroups(name, value, attrs)
        finally:
            self.choices = choices

    def _written_choices(
        self, choices: ModelChoiceIterator, value: list[str]
    ) -> Iterable[tuple[object, str]]:
        queryset = getattr(choices, "queryset", None)
        self._is_long = False
        if not self.choices_url or queryset is None:
            return choices
        rows = list(queryset[: MAX_CHOICES + 1])
        self._is_long = len(rows) > MAX_CHOICES
        if self._is_long:
            rows = _chosen(queryset, value)
        return [("", choices.field.empty_label), *map(choices.choice, rows)]


def _chosen(queryset: QuerySet[Row], value: list[str]) -> list[Row]:
    try:
        return list(queryset.filter(pk__in=[pk for pk in value if pk]))
    except ValidationError:
        return []
