"""What the dashboard of the admin shows about firmware."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme import register_dashboard_chart
from swapper import get_model_name as get_any_model_name

from ..statuses import OperationStatus
from ..swapper import get_model_name, load_model

# free in OpenWISP's own modules
POSITIONS = (30, 31, 32)
DAYS = 30
VERSION = "devicefirmware__image__build__version"
UP_TO_DATE = "firmware_up_to_date"

COLORS = {
    OperationStatus.IN_PROGRESS: "#2277b4",
    OperationStatus.SUCCESS: "#267126",
    OperationStatus.FAILED: "#a72d1d",
    OperationStatus.CANCELLED: "#353c44",
    OperationStatus.ABORTED: "#ffb442",
}


def outdated() -> Q:
    """Returns the condition of devices that do not run their newest build.

    It counts the newest build of the category of the firmware a device has.
    """
    firmware = "devicefirmware__image__build__"
    newer = load_model("Build").objects.filter(
        category=OuterRef(f"{firmware}category"),
        created__gt=OuterRef(f"{firmware}created"),
    )
    return Q(devicefirmware__isnull=False) & (
        Q(devicefirmware__installed=False) | Q(Exists(newer))
    )


def current() -> Q:
    """Returns the condition of devices that run their newest build."""
    return Q(devicefirmware__isnull=False) & ~outdated()


def days_ago() -> str:
    """Returns the moment since when operations are counted."""
    moment = timezone.now() - timedelta(days=DAYS)
    return moment.strftime("%Y-%m-%dT00:00:00Z")


def register_charts() -> None:
    """Registers the charts, each linked to the list of what it counts."""
    charts = (_builds(), _operations(), _age())
    for position, chart in zip(POSITIONS, charts, strict=True):
        register_dashboard_chart(position=position, config=chart)


def _query(full_name: str, **params: object) -> dict[str, object]:
    app_label, model = full_name.lower().split(".")
    return {"app_label": app_label, "model": model, **params}


def _builds() -> dict[str, object]:
    return {
        "name": _("Firmware Builds Installed"),
        "query_params": _query(
            get_any_model_name("config", "Device"),
            filter={"devicefirmware__installed": True},
            group_by=VERSION,
        ),
    }


def _operations() -> dict[str, object]:
    return {
        "name": _("Firmware Upgrades of 30 Days"),
        "query_params": _query(
            get_model_name("UpgradeOperation"),
            filter={"created__gte": days_ago},
            group_by="status",
            organization_field="device__organization_id",
        ),
        "main_filters": {"created__gte": days_ago},
        "colors": {str(status): color for status, color in COLORS.items()},
        "labels": dict(OperationStatus.choices),
    }


def _age() -> dict[str, object]:
    return {
        "name": _("Firmware Up to Date"),
        "query_params": _query(
            get_any_model_name("config", "Device"),
            annotate={
                "firmware_age": Case(
                    When(outdated(), then=Value("outdated")),
                    When(devicefirmware__isnull=False, then=Value("current")),
                    default=Value(""),
                    output_field=CharField(),
                )
            },
            aggregate={
                name: Count("pk", filter=Q(firmware_age=name))
                for name in ("current", "outdated")
            },
        ),
        "colors": {"current": "#267126", "outdated": "#ffb442"},
        "labels": {
            "current": _("Newest build of its category"),
            "outdated": _("Not up to date"),
        },
        "filters": {"key": UP_TO_DATE, "current": "yes", "outdated": "no"},
    }
