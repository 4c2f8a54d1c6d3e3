"""Configuration of the app; derived apps subclass it."""

from __future__ import annotations

from django.conf import settings
from django.core.checks import register
from django.utils.translation import gettext_lazy as _
from openwisp_utils.api.apps import ApiAppConfig

from . import settings as app_settings
from .checks.settings import CHECKS

# ``manage.py check --tag firmware_upgrader``
FIRMWARE_CHECKS = "firmware_upgrader"


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

    def ready(self, *args: object, **kwargs: object) -> None:
        """Registers the menu and connects the receivers."""
        super().ready(*args, **kwargs)
        self.register_menu_groups()
        self.register_dashboard_charts()
        self.register_notification_types()
        self.connect_device_signals()
        self.connect_upgrade_signals()
        self.connect_delete_signals()
        for check in CHECKS:
            register(check, FIRMWARE_CHECKS)

    def register_menu_groups(self) -> None:
        """Adds the group "Firmware" to the menu of the admin."""
        # models can be imported only once all apps are loaded
        from .reporting.menu import register_menu  # noqa: PLC0415

        register_menu()

    def register_dashboard_charts(self) -> None:
        """Adds the charts about firmware to the dashboard of the admin."""
        from .reporting.dashboard import register_charts  # noqa: PLC0415 see above

        register_charts()

    def register_notification_types(self) -> None:
        """Registers what people are told about upgrades."""
        from .reporting import notifications  # noqa: PLC0415 see above

        notifications.register_types()

    def connect_device_signals(self) -> None:
        """Connects what pairs devices with images."""
        from . import receivers  # noqa: PLC0415 see above

        receivers.connect_device_signals()

    def connect_upgrade_signals(self) -> None:
        """Connects live events, the worker's scan and restored rows."""
        from . import receivers  # noqa: PLC0415 see above

        receivers.connect_upgrade_signals()

    def connect_delete_signals(self) -> None:
        """Connects what deletes the files of deleted images."""
        from . import receivers  # noqa: PLC0415 see above

        receivers.connect_delete_signals()


# Django must find exactly one configuration in this module
del ApiAppConfig
