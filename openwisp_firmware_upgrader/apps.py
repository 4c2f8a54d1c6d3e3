"""Configuration of the app; derived apps subclass it."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme.menu import register_menu_group
from openwisp_utils.api.apps import ApiAppConfig
from swapper import get_model_name

from . import settings as app_settings


class FirmwareUpdaterConfig(ApiAppConfig):
    """The app in a project: menu, signals, defaults of the REST API."""

    name = "openwisp_firmware_upgrader"
    label = "firmware_upgrader"
    verbose_name = _("Firmware Management")
    default_auto_field = "django.db.models.AutoField"

    API_ENABLED = app_settings.FIRMWARE_UPGRADER_API
    REST_FRAMEWORK_SETTINGS = {
        "DEFAULT_THROTTLE_RATES": {
            "firmware_upgrader": (
                None if getattr(settings, "TESTING", False) else "1000/minute"
            )
        }
    }

    def ready(self, *args, **kwargs):
        """Registers the menu and connects the receivers."""
        super().ready(*args, **kwargs)
        self.register_menu_groups()
        self.connect_device_signals()
        self.connect_upgrade_signals()
        self.connect_delete_signals()

    def register_menu_groups(self):
        """Adds the group "Firmware" to the menu of the admin."""
        entries = (
            (_("Builds"), "Build", "ow-build"),
            (_("Categories"), "Category", "ow-category"),
            (_("Mass Upgrade Operations"), "BatchUpgradeOperation", "ow-mass-upgrade"),
        )
        items = {
            position: {
                "label": label,
                "model": get_model_name(self.label, model),
                "name": "changelist",
                "icon": icon,
            }
            for position, (label, model, icon) in enumerate(entries, start=1)
        }
        register_menu_group(
            position=100,
            config={"label": _("Firmware"), "items": items, "icon": "ow-firmware"},
        )

    def connect_device_signals(self):
        """Connects what pairs devices with images."""
        # models can be imported only once all apps are loaded
        from . import receivers  # noqa: PLC0415

        receivers.connect_device_signals()

    def connect_upgrade_signals(self):
        """Connects live events, the worker's scan and restored rows."""
        from . import receivers  # noqa: PLC0415 see above

        receivers.connect_upgrade_signals()

    def connect_delete_signals(self):
        """Connects what deletes the files of deleted images."""
        from . import receivers  # noqa: PLC0415 see above

        receivers.connect_delete_signals()


# Django must find exactly one configuration in this module
del ApiAppConfig
