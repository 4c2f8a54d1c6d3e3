"""Options of ``sysupgrade`` (openwrt.md 4.6)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

import jsonschema
from django.utils.translation import gettext_lazy as _

from ...exceptions import FirmwareUpgradeOptionsException
from ...protocols import Operation, Options
from .part import Part


def _flag(title: object, **more: object) -> dict[str, Any]:
    return {"type": "boolean", "format": "checkbox", "title": title, **more}


# what makes no sense beside discarding the configuration
EXCLUDED_BY_N = ("o", "c")

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": OrderedDict(
        c=_flag(_("Attempt to preserve all changed files in /etc/ (-c)"), default=True),
        o=_flag(_("Attempt to preserve all changed files in /, except those (-o)")),
        n=_flag(_("Do not save configuration over reflash (-n)")),
        u=_flag(_("Skip from backup files that are equal to those in /rom (-u)")),
        p=_flag(_("Do not attempt to restore the partition table after flash (-p)")),
        k=_flag(_("Include in backup a list of installed packages (-k)")),
        F=_flag(_("Flash image even if image checks fail, this is dangerous! (-F)")),
    ),
    "additionalProperties": False,
    # for pages, which explain at once what cannot go together
    "x-excludes": {"n": list(EXCLUDED_BY_N)},
}


class OptionsMixin(Part):
    """Validates the options and turns them into flags."""

    SCHEMA: ClassVar[dict[str, Any] | None] = SCHEMA
    upgrade_operation: Operation

    @classmethod
    def validate_upgrade_options(cls, upgrade_options: Options) -> None:
        """Checks options against the schema and each other.

        Arguments:
            upgrade_options: booleans by flag.

        Raises jsonschema.ValidationError or FirmwareUpgradeOptionsException.
        """
        validator = jsonschema.Draft4Validator(cls.SCHEMA or {})
        for error in validator.iter_errors(upgrade_options):
            raise error
        if not upgrade_options.get("n"):
            return
        for flag in EXCLUDED_BY_N:
            if upgrade_options.get(flag):
                text = _('The "-n" and "-%(flag)s" options cannot be used together')
                raise FirmwareUpgradeOptionsException(
                    {"upgrade_options": text % {"flag": flag}}
                )

    def get_flags(self, *, overlay: bool = True) -> list[str]:
        """Returns the flags of ``sysupgrade``.

        Arguments:
            overlay: whether the device has an overlay; without one it has no
                changed files of /etc to keep and refuses ``-c``.
        """
        options = self.upgrade_operation.upgrade_options or {}
        flags = [flag for flag, value in options.items() if value is True]
        properties = (self.SCHEMA or {}).get("properties", {})
        for flag, schema in properties.items():
            if schema.get("default") and options.get(flag) is None:
                excluded = flag in EXCLUDED_BY_N and "n" in flags
                if not excluded and (overlay or flag != "c"):
                    flags.append(flag)
        return [f"-{flag}" for flag in flags]
