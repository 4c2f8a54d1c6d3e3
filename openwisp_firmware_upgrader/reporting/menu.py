"""The group "Firmware" in the menu of the admin."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme.menu import MENU, ModelLink, register_menu_group

from ..swapper import get_model_name

POSITION = 100
OPERATIONS = 4


class NewestFirstLink(ModelLink):
    """A link to a list, newest first.

    Its address differs from the plain one of the list, which must not occur on
    the page of an operation that belongs to a mass upgrade.
    """

    def create_context(self, request: HttpRequest) -> dict[str, Any] | None:
        """Returns the link for users who may look at the list."""
        found = super().create_context(request)
        return found and {**found, "url": f"{found['url']}?o=-4"}


def register_menu() -> None:
    """Registers the group; again is the same as once."""
    register_menu_group(position=POSITION, config=_group())
    operations = _entry(_("Upgrade Operations"), "UpgradeOperation", "ow-mass-upgrade")
    MENU[POSITION].items.update({OPERATIONS: NewestFirstLink(operations)})


def _group() -> dict[str, object]:
    entries = (
        (_("Builds"), "Build", "ow-build"),
        (_("Categories"), "Category", "ow-category"),
        (_("Mass Upgrade Operations"), "BatchUpgradeOperation", "ow-mass-upgrade"),
    )
    items = {number: _entry(*entry) for number, entry in enumerate(entries, start=1)}
    return {"label": _("Firmware"), "items": items, "icon": "ow-firmware"}


def _entry(label: str, model: str, icon: str) -> dict[str, object]:
    return {
        "label": label,
        "model": get_model_name(model),
        "name": "changelist",
        "icon": icon,
    }
