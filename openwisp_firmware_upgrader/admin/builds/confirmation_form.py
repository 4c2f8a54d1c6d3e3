"""The form that restricts a mass upgrade and chooses its options."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet
from django.forms import Media
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from swapper import load_model as load_any_model

from ...protocols import Build, Options, Owned, User
from ...selectors import access
from ...swapper import load_model
from ...widgets import FirmwareSchemaWidget, MassUpgradeSelect2Widget
from ..shared.assets import CONFIRMATION_JS
from ..shared.form_fields import StorableJSONField

BatchUpgradeOperation = load_model("BatchUpgradeOperation")


class OwnedChoiceField(forms.ModelChoiceField):
    """Groups or locations, with their organization where several have some."""

    shows_organization = False

    def label_from_instance(self, obj: Owned) -> str:
        """Returns the name, followed by the organization where that helps."""
        if self.shows_organization and obj.organization is not None:
            return f"{obj} ({obj.organization})"
        return str(obj)


class BatchUpgradeConfirmationForm(forms.ModelForm):
    """What is confirmed before a mass upgrade starts."""

    build = forms.ModelChoiceField(
        queryset=load_model("Build").objects.select_related("category__organization"),
        widget=forms.HiddenInput(),
        required=False,
    )
    group = OwnedChoiceField(
        queryset=load_any_model("config", "DeviceGroup").objects.order_by("name"),
        required=False,
        label=_("Device group"),
        help_text=_("Restricts the upgrade to the devices of this group."),
        widget=MassUpgradeSelect2Widget(placeholder=_("Choose a group")),
    )
    location = OwnedChoiceField(
        # their geometry may be large, no choice needs it
        queryset=load_any_model("geo", "Location")
        .objects.defer("geometry")
        .order_by("name"),
        required=False,
        label=_("Location"),
        help_text=_("Restricts the upgrade to the devices at this location."),
        widget=MassUpgradeSelect2Widget(placeholder=_("Choose a location")),
    )
    upgrade_options = StorableJSONField(
        required=False,
        label=_("Upgrade options"),
        widget=FirmwareSchemaWidget(),
    )

    class Meta:
        model = BatchUpgradeOperation
        fields = ["build", "group", "location", "upgrade_options"]

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        build = self.get_initial_for_field(self.fields["build"], "build")
        if not isinstance(build, load_model("Build")):
            return
        for name in ("group", "location"):
            self._limit(self.fields[name], name, build)

    @property
    def media(self) -> Media:
        """Scripts and styles of the page and of its widgets."""
        own = Media(
            js=CONFIRMATION_JS,
            css={
                "all": [
                    "admin/css/forms.css",
                    "admin/css/autocomplete.css",
                    "admin/css/ow-auto-filter.css",
                    "firmware-upgrader/css/upgrade-selected-confirmation.css",
                ]
            },
        )
        return super().media + own

    def _limit(self, field: OwnedChoiceField, name: str, build: Build) -> None:
        field.queryset = choices_for(field.queryset, build, self.user)
        field.shows_organization = build.category.organization_id is None
        if field.shows_organization:
            field.queryset = field.queryset.select_related("organization")
        options = load_model("Build")._meta  # noqa: SLF001 documented by Django
        url_name = f"admin:{options.app_label}_{options.model_name}_choices"
        field.widget.choices_url = reverse(url_name, args=[build.pk, name])

    def clean_upgrade_options(self) -> Options:
        """Returns the options, none chosen as an empty dictionary."""
        return self.cleaned_data["upgrade_options"] or {}

    def _post_clean(self) -> None:
        # with nothing to upgrade there is no upgrader to take or refuse options;
        # the launch says so in better words
        options = self.cleaned_data.get("upgrade_options")
        if options and not self._has_candidates():
            self.cleaned_data["upgrade_options"] = {}
        super()._post_clean()

    def _has_candidates(self) -> bool:
        build = self.cleaned_data.get("build")
        if self.errors or build is None:
            return True
        found = BatchUpgradeOperation.dry_run(
            build=build,
            group=self.cleaned_data.get("group"),
            location=self.cleaned_data.get("location"),
        )
        return found["device_firmwares"].exists() or found["devices"].exists()


def choices_for(rows: QuerySet[Owned], build: Build, user: User) -> QuerySet[Owned]:
    """Returns the groups or locations a mass upgrade may be restricted to.

    Arguments:
        rows: all groups or all locations.
        build: the build to upgrade to.
        user: who launches.
    """
    organization_id = build.category.organization_id
    if organization_id is not None:
        rows = rows.filter(organization_id=organization_id)
    return access.of_managed(user, rows, "organization")
