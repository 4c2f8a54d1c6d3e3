"""Forms of the two firmware tabs on the page of a device."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms.formsets import DELETION_FIELD_NAME
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin import AlwaysHasChangedMixin

from ...protocols import Device, DeviceFirmware, Image, JsonObject, Row, User
from ...selectors.images import of_device
from ...statuses import OperationStatus
from ...swapper import load_model
from ...widgets import FirmwareSchemaWidget
from ..operations.admin import UpgradeOperationForm, live_facts
from ..shared.assets import FIRMWARE_JS
from ..shared.form_fields import StorableJSONField
from .credentials import adds_or_keeps_credentials, removes_last_credentials


class DeviceFirmwareForm(AlwaysHasChangedMixin, forms.ModelForm):
    """Chooses the image of a device, and how it is installed.

    Arguments:
        device: the device, whose images are offered.
    """

    upgrade_options = StorableJSONField(
        label=_("Upgrade options"), required=False, widget=FirmwareSchemaWidget()
    )

    class Meta:
        model = load_model("DeviceFirmware")
        fields = "__all__"  # noqa: DJ007 derived apps add columns

    class Media:
        js = FIRMWARE_JS
        css = {"all": ["firmware-upgrader/css/device-firmware.css"]}

    def __init__(self, device: Device, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
        # the device of the page, with what was typed, but not the other way round:
        # an empty row is not the firmware of the device
        device_field = self._meta.model._meta.get_field("device")  # noqa: SLF001
        device_field.set_cached_value(self.instance, device)
        self.instance.device_id = device.pk
        if "image" in self.fields:
            self.fields["image"].queryset = self._images()

    def _images(self) -> QuerySet[Image]:
        model = load_model("DeviceFirmware")
        if self.instance._state.adding:  # noqa: SLF001 documented by Django
            return model.get_image_queryset_for_device(self.device)
        rows = model.get_image_queryset_for_device(
            self.device, device_firmware=self.instance
        )
        # a device whose model was corrected can still be saved as it is, one that
        # has moved is offered nothing of the organization it came from
        current = load_model("FirmwareImage").objects.filter(pk=self.instance.image_id)
        current = current.filter(of_device(self.device))
        return rows | current.select_related("build__category")

    def _post_clean(self) -> None:
        if not self.has_changed():
            # what is not saved starts no upgrade
            return
        # credentials that are added in the same request count
        if adds_or_keeps_credentials(self.data):
            self.instance._skip_connection_check = True  # noqa: SLF001 made for this
        super()._post_clean()
        if not self.errors and self._starts_upgrade():
            self._check_upgrade()

    def _starts_upgrade(self) -> bool:
        return self.instance.image_has_changed or not self.instance.installed

    def _check_upgrade(self) -> None:
        if removes_last_credentials(self.data, self.device):
            self.add_error(None, _no_credentials_left())
            return
        if not self.device.deviceconnection_set.exists():
            # they come with this request: the upgrader is known once it is saved
            return
        operation = load_model("UpgradeOperation")(
            device=self.instance.device,
            image=self.instance.image,
            upgrade_options=self.cleaned_data.get("upgrade_options") or {},
        )
        try:
            operation.clean()
        except ValidationError as error:
            self.add_error(None, error.messages)

    def save(self, commit: bool = True) -> DeviceFirmware:
        """Saves the row, which starts an upgrade when its image is to be installed."""
        super().save(commit=False)
        if commit:
            options = self.cleaned_data.get("upgrade_options") or {}
            self.instance.save(upgrade_options=options)
            self._save_m2m()
        return self.instance


def _no_credentials_left() -> str:
    return _(
        "An upgrade needs SSH credentials, and the last ones are about to be "
        "removed. Keep them, or choose the image another time."
    )


class DeviceFormSet(forms.models.BaseInlineFormSet):
    """Hands the device to each form; upgrades are started for ``requested_by``.

    A refusal that shows only while saving, such as credentials disabled by the
    same request, is told through ``report`` and undone for its row alone.
    """

    requested_by: User | None = None

    def get_form_kwargs(self, index: int | None) -> dict[str, object]:
        """Adds the device whose page this is."""
        return {**super().get_form_kwargs(index), "device": self.instance}

    @staticmethod
    def report(text: str) -> None:
        """Tells the user why something was not saved; replaced per request."""

    def save_new(self, form: forms.ModelForm, commit: bool = True) -> Row:
        """Saves a new row, or reports why not."""
        return self._save_or_report(super().save_new, form, commit)

    def save_existing(
        self, form: forms.ModelForm, obj: Row, commit: bool = True
    ) -> Row:
        """Saves a changed row, or reports why not."""

        def save(form: forms.ModelForm, commit: bool) -> Row:
            return form.save(commit=commit)

        return self._save_or_report(save, form, commit)

    def _save_or_report(
        self,
        save: Callable[[forms.ModelForm, bool], Row],
        form: forms.ModelForm,
        commit: bool,
    ) -> Row:
        form.instance.requested_by = self.requested_by
        try:
            with transaction.atomic():
                return save(form, commit)
        except ValidationError as error:
            for text in error.messages:
                self.report(text)
            return form.instance


class DeviceUpgradeOperationForm(UpgradeOperationForm):
    """One recent operation of a device; nothing but its deletion is submitted."""

    class Meta(UpgradeOperationForm.Meta):
        pass

    def __init__(self, device: Device, *args: object, **kwargs: object) -> None:
        self.device = device
        super().__init__(*args, **kwargs)

    def _post_clean(self) -> None:
        # what happened once is not validated again
        pass


class DeviceUpgradeOperationFormSet(DeviceFormSet):
    """The recent operations of a device; running ones cannot be deleted."""

    @property
    def operations(self) -> list[JsonObject]:
        """What scripts draw of each operation at first."""
        return [live_facts(form.instance) for form in self.initial_forms]

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        """Disables the deletion of operations that are running."""
        super().add_fields(form, index)
        box = form.fields.get(DELETION_FIELD_NAME)
        saved = not form.instance._state.adding  # noqa: SLF001 documented by Django
        if box and saved and form.instance.status == OperationStatus.IN_PROGRESS:
            box.disabled = True
