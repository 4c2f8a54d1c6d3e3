"""Which image a device runs, or is to run."""

from __future__ import annotations

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel
from swapper import get_model_name as get_any_model_name

from ...actions import pair_device, start_upgrade
from ...constants import DEACTIVATED_DEVICE_FIRMWARE_ERROR
from ...protocols import (
    Batch,
    Device,
    DeviceConnection,
    DeviceFirmware,
    Image,
    Operation,
    Options,
    Row,
    User,
)
from ...selectors.images import images_for_device
from ...swapper import get_model_name


class AbstractDeviceFirmware(TimeStampedEditableModel):
    """The image of a device, ``installed`` once the device is known to run it."""

    device = models.OneToOneField(
        get_any_model_name("config", "Device"), on_delete=models.CASCADE
    )
    image = models.ForeignKey(get_model_name("FirmwareImage"), on_delete=models.CASCADE)
    installed = models.BooleanField(default=False)

    # the user who asks for the next upgrade, and the operation that was started
    requested_by: User | None = None
    started_operation: Operation | None = None

    class Meta:
        abstract = True
        verbose_name = _("Device Firmware")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._remember_image()

    def __str__(self) -> str:
        # lists of these rows, as on deletion pages, must not cost queries each
        if self._is_named():
            return f"{self.device}: {self.image}"
        device = self.device if _is_loaded(self, "device") else self.device_id
        return _("firmware of %(device)s") % {"device": device}

    def _is_named(self) -> bool:
        row = self
        for name in ("image", "build", "category"):
            if not _is_loaded(row, name):
                return False
            row = getattr(row, name)
        return _is_loaded(self, "device")

    def _remember_image(self) -> None:
        deferred = "image_id" in self.get_deferred_fields()
        self._old_image_id = None if deferred else self.image_id

    @property
    def _old_image(self) -> Image | None:
        # looked up on demand: loading rows must not cost a query each
        if self._old_image_id is None:
            return None
        if self._old_image_id == self.image_id:
            return self.image
        return self._meta.get_field("image").related_model.objects.get(
            pk=self._old_image_id
        )

    @property
    def image_has_changed(self) -> bool:
        """Whether saving the row means another image for the device."""
        return self._state.adding or self.image_id != self._old_image_id

    def clean(self) -> None:
        """Refuses an image the device cannot or may not run."""
        super().clean()
        try:
            device, image = self.device, self.image
        except ObjectDoesNotExist:
            return
        if device.is_deactivated():
            raise ValidationError(DEACTIVATED_DEVICE_FIRMWARE_ERROR)
        self._clean_organization(device, image)
        self._clean_connection(device)
        self._clean_model(device, image)

    def _clean_organization(self, device: Device, image: Image) -> None:
        organization = image.build.category.organization
        if organization is not None and organization != device.organization:
            text = _(
                "The organization of the image doesn't match the organization of "
                "the device"
            )
            raise ValidationError({"image": text})

    def _clean_connection(self, device: Device) -> None:
        if not self.image_has_changed and self.installed:
            return
        # set by the admin while credentials are being added in the same request
        if getattr(self, "_skip_connection_check", False):
            return
        if not device.deviceconnection_set.exists():
            raise ValidationError(
                _(
                    "This device does not have a related connection yet. Add its "
                    "SSH credentials before upgrading it."
                )
            )

    def _clean_model(self, device: Device, image: Image) -> None:
        if device.model not in image.boards:
            raise ValidationError(
                _("The image and the device's model do not match, choose another one.")
            )

    def save(
        self,
        batch: Batch | None = None,
        upgrade: bool = True,
        upgrade_options: Options | None = None,
        *args: object,
        **kwargs: object,
    ) -> None:
        """Saves the row and, when its image is not installed, starts an upgrade.

        Arguments:
            batch: the mass upgrade this belongs to.
            upgrade: False only saves.
            upgrade_options: options of the upgrade.
        """
        if upgrade and (self.image_has_changed or not self.installed):
            start_upgrade.save_and_start(
                self, super().save, batch, upgrade_options or {}, *args, **kwargs
            )
        else:
            super().save(*args, **kwargs)
        self._remember_image()

    def create_upgrade_operation(
        self, batch: Batch | None, upgrade_options: Options | None = None
    ) -> Operation:
        """Creates the operation that installs the image, and wakes a worker."""
        return start_upgrade.create_operation(self, batch, upgrade_options)

    @classmethod
    def create_for_device(
        cls, device: Device, firmware_image: Image | None = None
    ) -> DeviceFirmware | None:
        """Pairs a device with the image it already runs; None when there is none."""
        return pair_device.pair_device(device, firmware_image)

    @classmethod
    def auto_add_device_firmware_to_device(
        cls, instance: DeviceConnection, created: bool, **kwargs: object
    ) -> None:
        """Receiver: a device that got credentials is paired with its image."""
        pair_device.schedule_device(instance, created)

    @classmethod
    def auto_create_device_firmwares(
        cls, instance: Image, created: bool, **kwargs: object
    ) -> None:
        """Receiver: devices that run a new image are paired with it."""
        pair_device.schedule_image(instance, created)

    @classmethod
    def get_image_queryset_for_device(
        cls, device: Device, device_firmware: DeviceFirmware | None = None
    ) -> QuerySet[Image]:
        """Returns the images a device may be upgraded to, newest first."""
        return images_for_device(device, device_firmware)


def _is_loaded(row: Row, name: str) -> bool:
    field = row._meta.get_field(name)  # noqa: SLF001 Django's name
    if not field.is_cached(row):
        return False
    return getattr(row, name) is not None
