"""Sentences that several rooms share."""

from django.utils.translation import gettext_lazy as _

DEACTIVATED_DEVICE_FIRMWARE_ERROR = _(
    "Firmware upgrades are not available for deactivated devices."
)
DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR = _(
    "Upgrade operations are not available for deactivated devices."
)
