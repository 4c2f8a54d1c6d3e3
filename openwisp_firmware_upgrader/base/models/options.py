"""Options of an upgrade, whose meaning only the upgrader knows."""

from __future__ import annotations

import jsonschema
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ...exceptions import FirmwareUpgradeOptionsException


class UpgradeOptionsMixin(models.Model):
    """A model with upgrade options, validated by the upgrader of its device."""

    upgrade_options = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Validates the options."""
        super().clean()
        self.validate_upgrade_options()

    def validate_upgrade_options(self) -> None:
        """Raises ValidationError when the upgrader does not take the options."""
        if not self.upgrade_options:
            return
        try:
            upgrader_class = self.upgrader_class
        except ObjectDoesNotExist as error:
            text = _(
                "No connection or credentials were found for the device, add them "
                "before choosing upgrade options."
            )
            raise ValidationError(text) from error
        if not getattr(upgrader_class, "SCHEMA", None):
            raise ValidationError(
                _("Using upgrade options is not allowed with this upgrader.")
            )
        try:
            upgrader_class.validate_upgrade_options(self.upgrade_options)
        except jsonschema.ValidationError as error:
            text = _("The upgrade options are invalid (%(why)s).")
            raise ValidationError(text, params={"why": error.message}) from error
        except FirmwareUpgradeOptionsException as error:
            raise ValidationError(*error.args) from error
