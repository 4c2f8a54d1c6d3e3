"""Whether a device may be upgraded, asked at launch and again by the worker.

Between the two a device may move to another organization, an image may change
hands and whoever launched the upgrade may lose the right to do so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import jsonschema
from django.utils.translation import gettext as _

from ..constants import DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR
from ..exceptions import FirmwareUpgradeOptionsException
from ..protocols import Device, Image, Options, UpgraderClass, UpgraderWithOptions, User
from ..swapper import load_model

# one of these permissions is what the doors to a launch ask for
OF_ONE_DEVICE = ("DeviceFirmware",)
OF_A_BATCH = ("Build", "BatchUpgradeOperation", "UpgradeOperation")


def device_problem(device: Device, image: Image) -> str:
    """Returns why a device may not get an image, "" when it may.

    Arguments:
        device: the device as it is now.
        image: the image, with its build and category.
    """
    organization_id = image.build.category.organization_id
    if device.is_deactivated():
        return str(DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR)
    if organization_id not in (None, device.organization_id):
        return _(
            "The device belongs to another organization than the image. Choose an "
            "image of its organization."
        )
    if device.model not in _boards_of(image):
        return _("The image does not fit the model of the device.")
    return ""


def _boards_of(image: Image) -> Iterable[str]:
    try:
        return image.boards
    except KeyError:
        # a type that was taken out of the settings fits nothing
        return ()


def options_problem(upgrader_class: UpgraderClass | None, options: Options) -> str:
    """Returns why an upgrader does not take upgrade options, "" when it does.

    Arguments:
        upgrader_class: the upgrader of the connection that is used.
        options: the options; none are always fine.
    """
    if not options:
        return ""
    if not getattr(upgrader_class, "SCHEMA", None):
        return _("The upgrader of this device does not take upgrade options.")
    text = _("The upgrade options do not suit this device: %(why)s")
    try:
        cast("type[UpgraderWithOptions]", upgrader_class).validate_upgrade_options(
            options
        )
    except jsonschema.ValidationError as error:
        return text % {"why": error.message}
    except FirmwareUpgradeOptionsException as error:
        return text % {"why": error}
    return ""


def requester_problem(user: User | None, device: Device, *, in_batch: bool) -> str:
    """Returns why a user may not have a device upgraded, "" when they may.

    Permissions are cached on the instance of a user: it must have been read for
    this question.

    Arguments:
        user: who launched the upgrade, None for nobody in particular.
        device: the device as it is now.
        in_batch: whether it is part of a mass upgrade.
    """
    if user is None or (user.is_active and user.is_superuser):
        return ""
    may_launch = user.is_active and _has_permission(user, in_batch)
    if may_launch and user.is_manager(str(device.organization_id)):
        return ""
    return _(
        "The user who launched this upgrade may not upgrade this device any more. "
        "Have it launched again by somebody who manages its organization."
    )


def _has_permission(user: User, in_batch: bool) -> bool:
    models = OF_A_BATCH if in_batch else OF_ONE_DEVICE
    for name in models:
        options = load_model(name)._meta  # noqa: SLF001 documented by Django
        for verb in ("add", "change"):
            if user.has_perm(f"{options.app_label}.{verb}_{options.model_name}"):
                return True
    return False
