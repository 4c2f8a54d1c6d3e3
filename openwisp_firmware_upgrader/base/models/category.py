"""Firmware categories: what kind of firmware a build is."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import ShareableOrgMixin
from openwisp_utils.base import TimeStampedEditableModel


class AbstractCategory(ShareableOrgMixin, TimeStampedEditableModel):
    """A line of firmware, such as "captive portal"; shared without organization."""

    name = models.CharField(max_length=64, db_index=True)
    description = models.TextField(blank=True)

    class Meta:
        abstract = True
        verbose_name = _("Firmware Category")
        verbose_name_plural = _("Firmware Categories")
        unique_together = ("name", "organization")

    def __str__(self) -> str:
        return str(self.name)
