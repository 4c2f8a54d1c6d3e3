"""Who may do what; openwisp-users decides about organizations and models."""

from __future__ import annotations

from openwisp_users.api.permissions import DjangoModelPermissions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from ..constants import DEACTIVATED_DEVICE_FIRMWARE_ERROR
from ..protocols import DeviceFirmware, Row
from ..swapper import load_model


def permission_name(verb: str, model: type[Row]) -> str:
    """Returns the full name of a permission, such as ``app.add_build``."""
    options = model._meta  # noqa: SLF001 documented by Django
    return f"{options.app_label}.{verb}_{options.model_name}"


class ChangePermission(DjangoModelPermissions):
    """Acting on an object by POST is a change of it, nothing is added."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "POST": DjangoModelPermissions.perms_map["PATCH"],
    }


class UpgradeOperationCancelPermission(ChangePermission):
    """Cancelling needs the permission to change operations."""


class BatchCancelPermission(ChangePermission):
    """Cancelling needs the permission to change mass upgrades."""


class LaunchPermission(DjangoModelPermissions):
    """Launching needs to add mass upgrades or, as it used to, builds."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Accepts either permission on POST."""
        if request.method == "POST":
            batch = load_model("BatchUpgradeOperation")
            if request.user.has_perm(permission_name("add", batch)):
                return True
        return super().has_permission(request, view)


class ActiveDevicePermission(BasePermission):
    """The firmware of a deactivated device can only be looked at."""

    message = DEACTIVATED_DEVICE_FIRMWARE_ERROR

    def has_object_permission(
        self, request: Request, view: APIView, obj: DeviceFirmware
    ) -> bool:
        """Refuses to write for a deactivated device."""
        is_reading = request.method in DjangoModelPermissions.READ_ONLY_METHOD
        return is_reading or not obj.device.is_deactivated()
