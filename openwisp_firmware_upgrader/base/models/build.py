"""Builds: one version of a category's firmware."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...actions import launch_batch
from ...protocols import Batch, Device, DeviceFirmware, Options, Owned
from ...selectors.devices import firmwareless_devices, related_device_firmwares
from ...swapper import get_model_name


class AbstractBuild(TimeStampedEditableModel):
    """A version of the firmware of a category, made of one image per type."""

    category = models.ForeignKey(
        get_model_name("Category"),
        on_delete=models.CASCADE,
        verbose_name=_("firmware category"),
        help_text=_(
            "if you have different firmware for different roles of devices, such "
            "as access points and routers, keep each in a category of its own"
        ),
    )
    version = models.CharField(max_length=32, db_index=True)
    os = models.CharField(
        _("OS identifier"),
        max_length=64,
        blank=True,
        null=True,  # noqa: DJ001 the column of 1.3.1 holds NULL
        help_text=_(
            "the operating system as devices report it, such as "
            "OpenWrt 23.05.5 r24106-10cc5fcd00; used to find out which devices "
            "already run this build"
        ),
    )
    changelog = models.TextField(
        _("change log"),
        blank=True,
        help_text=_("what changes with this version compared to the one before"),
    )

    class Meta:
        abstract = True
        verbose_name = _("Firmware Build")
        verbose_name_plural = _("Firmware Builds")
        unique_together = ("category", "version")
        ordering = ("-created",)

    def __str__(self) -> str:
        try:
            return f"{self.category} v{self.version}"
        except ObjectDoesNotExist:
            return str(super().__str__())

    def clean(self) -> None:
        """Refuses an OS identifier that another build of the organization has."""
        super().clean()
        if not self.os or not self.category_id:
            return
        same = type(self).objects.filter(
            os=self.os, category__organization_id=self.category.organization_id
        )
        if same.exclude(pk=self.pk).exists():
            raise ValidationError(
                {
                    "os": _(
                        "A build with this OS identifier exists already for this "
                        "organization, each build needs its own."
                    )
                }
            )

    def batch_upgrade(
        self,
        firmwareless: bool,
        upgrade_options: Options | None = None,
        group: Owned | None = None,
        location: Owned | None = None,
        **kwargs: Any,
    ) -> Batch:
        """Creates a mass upgrade to this build; see ``actions.launch_batch``."""
        return launch_batch.create_batch(
            self,
            firmwareless,
            upgrade_options=upgrade_options,
            group=group,
            location=location,
            **kwargs,
        )

    def _find_related_device_firmwares(
        self,
        select_devices: bool = False,
        group: Owned | None = None,
        location: Owned | None = None,
    ) -> QuerySet[DeviceFirmware]:
        return related_device_firmwares(
            self, select_devices=select_devices, group=group, location=location
        )

    def _find_firmwareless_devices(
        self,
        boards: Iterable[str] | None = None,
        group: Owned | None = None,
        location: Owned | None = None,
    ) -> QuerySet[Device]:
        return firmwareless_devices(self, boards=boards, group=group, location=location)
