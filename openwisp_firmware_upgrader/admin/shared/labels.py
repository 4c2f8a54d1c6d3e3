"""The texts that scripts show; they travel in the page, in its language."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext as _

from ...statuses import BatchStatus, OperationStatus, Phase


def script_labels() -> dict[str, str]:
    """Returns the texts of all scripts by key."""
    return {
        **_labels("status", OperationStatus),
        **_labels("batch", BatchStatus),
        **_labels("phase", Phase),
        **_of_progress(),
        **_of_cancelling(),
        **_of_notices(),
        **_of_lists(),
    }


def _labels(prefix: str, choices: type[TextChoices]) -> dict[str, str]:
    return {f"{prefix}.{value}": str(label) for value, label in choices.choices}


def _of_progress() -> dict[str, str]:
    return {
        "progress": _("Progress of the upgrade"),
        "phase.next": _("%(phase)s, next step in %(seconds)s s"),
        "log": _("Log of the upgrade"),
        "log.copy": _("Copy log"),
        "log.copied": _("Copied"),
        "log.download": _("Download log"),
        "completed": _("%(completed)s out of %(total)s"),
        "attempts": _("attempts: %(number)s"),
    }


def _of_cancelling() -> dict[str, str]:
    return {
        "cancel": _("Cancel"),
        "cancel.title": _("Stop this upgrade before the device is flashed"),
        "cancel.off": _("Upgrades cannot be stopped from here"),
        "cancel.late": _(
            "Too late to stop: the device is being flashed, which must not be "
            "interrupted"
        ),
        "cancel.failed": _(
            "The upgrade could not be stopped. Reload the page to see its present "
            "state."
        ),
        "dialog.title": _("Stop upgrade operation"),
        "dialog.question": _(
            "Do you want to stop this upgrade? The device keeps its present firmware."
        ),
        "dialog.confirm": _("Yes, stop it"),
        "dialog.dismiss": _("No, go on"),
        "dialog.close": _("Close"),
    }


def _of_notices() -> dict[str, str]:
    return {
        "notice.lost": _("Live updates are interrupted, reconnecting…"),
        "notice.polling": _(
            "No live connection: the page is updated every 10 seconds."
        ),
        "notice.unreachable": _(
            "The server cannot be reached, the page may be out of date. Trying again…"
        ),
        "notice.gone": _(
            "The page is not updated any more. Reload it, and log in again if asked to."
        ),
        "batch.changed": _("The list has changed meanwhile."),
        "batch.reload": _("Reload the list"),
        "batch.device": _("open the device"),
    }


def _of_lists() -> dict[str, str]:
    return {
        "none": _("None"),
        "select.none": _("No results found"),
        "options.conflict": _(
            'The "-%(one)s" and "-%(other)s" options cannot be used together, untick '
            "one of them."
        ),
        "candidates.related": _("Upgrade only devices with known firmware"),
        "candidates.failed": _(
            "The devices could not be loaded, what is shown may be out of date. "
            "Reload the page."
        ),
    }
