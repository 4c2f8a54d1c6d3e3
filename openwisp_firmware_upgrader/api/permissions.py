"""Who may do what; openwisp-users decides about organizations and models."""

from openwisp_users.api.permissions import DjangoModelPermissions
from rest_framework.permissions import BasePermission

from ..constants import DEACTIVATED_DEVICE_FIRMWARE_ERROR
from ..swapper import load_model


def permission_name(verb, model):
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

    def has_permission(self, request, view):
        """Accepts either permission on POST."""
        if request.method == "POST":
            batch = load_model("BatchUpgradeOperation")
            if request.user.has_perm(permission_name("add", batch)):
                return True
        return super().has_permission(request, view)


class ActiveDevicePermission(BasePermission):
    """The firmware of a deactivated device can only be looked at."""

    message = DEACTIVATED_DEVICE_FIRMWARE_ERROR

    def has_object_permission(self, request, view, obj):
        """Refuses to write for a deactivated device."""
        is_reading = request.method in DjangoModelPermissions.READ_ONLY_METHOD
        return is_reading or not obj.device.is_deactivated()
