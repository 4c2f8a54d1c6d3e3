"""What the firmware tabs of one device show besides their forms."""

from __future__ import annotations

from functools import cached_property

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from ...protocols import Device, JsonObject, Operation, PrimaryKey
from ...state.log_times import HEAVY
from ...statuses import OperationStatus
from ...swapper import load_model
from ...utils import get_upgrader_schema_for_device
from ..shared.labels import script_labels
from ..shared.page_data import django_locale


class DevicePage:
    """Answers about one device, each found out once a request at most.

    Arguments:
        request: the request of the page.
        device: the device.
    """

    def __init__(self, request: HttpRequest, device: Device) -> None:
        self.request = request
        self.device = device

    @classmethod
    def of(cls, request: HttpRequest, device: Device) -> DevicePage:
        """Returns the answers about a device, shared by the tabs of a page."""
        pages = request.__dict__.setdefault("_firmware_upgrader_pages", {})
        if device.pk not in pages:
            pages[device.pk] = cls(request, device)
        return pages[device.pk]

    @cached_property
    def _upgrader(self) -> tuple[bool, JsonObject | None]:
        try:
            return True, get_upgrader_schema_for_device(self.device)
        except ObjectDoesNotExist:
            return False, None

    @property
    def has_connection(self) -> bool:
        """Whether the device has SSH credentials that are enabled."""
        return self._upgrader[0]

    @property
    def upgrader_schema(self) -> JsonObject | None:
        """The schema of the upgrade options, None without options or connection."""
        return self._upgrader[1]

    @cached_property
    def running(self) -> Operation | None:
        """The oldest unfinished operation of the device, None without one."""
        rows = load_model("UpgradeOperation").objects.filter(
            device_id=self.device.pk, status=OperationStatus.IN_PROGRESS
        )
        rows = rows.select_related("image__build__category").defer(*HEAVY)
        return rows.order_by("created", "id").first()

    @cached_property
    def notice(self) -> dict[str, object]:
        """What scripts say as soon as another image is chosen."""
        return {
            "installed": self._current(),
            "running": self._running(),
            "labels": self._labels(),
        }

    def _current(self) -> JsonObject | None:
        try:
            row = self.device.devicefirmware
        except ObjectDoesNotExist:
            return None
        return {"image": str(row.image_id), "installed": row.installed}

    def _running(self) -> JsonObject | None:
        if self.running is None:
            return None
        return {
            "id": str(self.running.pk),
            "image": str(self.running.image or ""),
            "progress": self.running.progress,
            "url": self._admin_url("change", self.running.pk),
        }

    def _labels(self) -> dict[str, str]:
        return {
            "will_install": _("%(image)s will be installed when you save."),
            "will_repeat": _(
                "%(image)s is not known to be installed, the upgrade starts "
                "when a change is saved."
            ),
            "is_running": _(
                "An upgrade to %(image)s is in progress. A second one would be "
                "aborted: cancel it or wait until it has ended."
            ),
            "see_running": _("See the upgrade that is in progress"),
        }

    @cached_property
    def last(self) -> Operation | None:
        """The device's last operation, None without any."""
        rows = load_model("UpgradeOperation").objects.filter(device_id=self.device.pk)
        return rows.only("status").order_by("-created", "-id").first()

    @cached_property
    def retry_url(self) -> str:
        """Where the device's last upgrade is tried again, "" when it may not be.

        One in progress has it too: its button is shown as soon as it failed.
        """
        last = self.last
        if last is None or last.status == OperationStatus.SUCCESS:
            return ""
        if self.device.is_deactivated() or not self._may("change"):
            return ""
        return self._admin_url("retry", last.pk)

    @property
    def is_running(self) -> bool:
        """Whether the last operation has not ended."""
        return self.last is not None and self.last.status == OperationStatus.IN_PROGRESS

    @cached_property
    def labels(self) -> dict[str, str]:
        """The texts of the scripts."""
        return script_labels()

    @property
    def locale(self) -> str:
        """The language in which scripts write dates."""
        return django_locale()

    @cached_property
    def state_url(self) -> str:
        """Where scripts ask for the present state, "" for who may not see it."""
        if not self._may("view"):
            return ""
        return self._admin_url("device_state", self.device.pk)

    @cached_property
    def all_operations_url(self) -> str:
        """The list of all upgrades of the device, "" for who may not see it."""
        if not self._may("view"):
            return ""
        url = self._admin_url("changelist")
        return url and f"{url}?device={self.device.pk}"

    def _may(self, action: str) -> bool:
        options = load_model("UpgradeOperation")._meta  # noqa: SLF001 documented
        name = f"{options.app_label}.{action}_{options.model_name}"
        return self.request.user.has_perm(name)

    def _admin_url(self, view: str, *args: PrimaryKey) -> str:
        options = load_model("UpgradeOperation")._meta  # noqa: SLF001 documented
        name = f"admin:{options.app_label}_{options.model_name}_{view}"
        try:
            return reverse(name, args=args)
        except NoReverseMatch:
            return ""
