"""What the admin classes of this app have in common."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantAdminMixin
from openwisp_utils.admin import TimeReadonlyAdminMixin
from reversion.admin import VersionAdmin

from ...protocols import Batch, JsonObject, Operation
from . import AdminMixin
from .deletion_list import NamedDeletionMixin
from .guarded_input import GuardedInputMixin
from .guarded_versions import GuardedVersionsMixin


class BaseAdmin(
    GuardedInputMixin,
    NamedDeletionMixin,
    MultitenantAdminMixin,
    TimeReadonlyAdminMixin,
    admin.ModelAdmin,
):
    """Limited to managed organizations, with read-only times."""

    save_on_top = True


class BaseVersionAdmin(
    GuardedInputMixin,
    NamedDeletionMixin,
    GuardedVersionsMixin,
    MultitenantAdminMixin,
    TimeReadonlyAdminMixin,
    VersionAdmin,
):
    """The same with a history, from which deleted objects are recovered."""

    history_latest_first = True
    save_on_top = True


class ReadonlyUpgradeOptionsMixin(AdminMixin):
    """Shows upgrade options as a list of what was chosen and what was not."""

    class Media:
        css = {"all": ["firmware-upgrader/css/upgrade-options.css"]}

    @admin.display(description=_("Upgrade options"))
    def readonly_upgrade_options(self, obj: Operation | Batch) -> str:
        """Returns the options in the order of the schema, with a sign each."""
        try:
            schema = self.get_upgrader_schema(obj)
        except ObjectDoesNotExist:
            return self.get_empty_value_display()
        if not schema:
            return _("Upgrade options are not supported for this upgrader.")
        options = obj.upgrade_options or {}
        rows = [
            (*_sign(options.get(key)), option.get("title", key))
            for key, option in schema.get("properties", {}).items()
        ]
        items = format_html_join("", '<li><img src="{}" alt="{}">{}</li>', rows)
        return format_html('<ul class="readonly-upgrade-options">{}</ul>', items)

    def get_upgrader_schema(self, obj: Operation | Batch) -> JsonObject | None:
        """Returns the schema of the options of a mass upgrade or operation.

        Raises ObjectDoesNotExist when the device has no usable connection.
        """
        return obj.upgrader_schema


def _sign(chosen: object) -> tuple[str, str]:
    answer = "yes" if chosen else "no"
    return static(f"admin/img/icon-{answer}.svg"), answer
