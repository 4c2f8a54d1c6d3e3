"""Helpers that migrations of this app and of derived apps call."""

from datetime import timedelta

from django.apps import apps as installed_apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.utils.timezone import now
from swapper import load_model as load_any_model
from swapper import split

from ..hardware import REVERSE_FIRMWARE_IMAGE_MAP

ADMINISTRATOR_MODELS = (
    "category",
    "build",
    "devicefirmware",
    "firmwareimage",
    "batchupgradeoperation",
    "upgradeoperation",
)
OPERATOR_MODELS = ADMINISTRATOR_MODELS[1:]

IMAGE_TYPE_MAPPING = {
    "octeon-erlite-squashfs-sysupgrade.tar": (
        "octeon-generic-ubnt_edgerouter-lite-squashfs-sysupgrade.tar"
    ),
    "ath79-generic-ubnt_unifi-squashfs-sysupgrade.bin": (
        "ath79-generic-ubnt_unifi-ap-squashfs-sysupgrade.bin"
    ),
    "x86-generic-combined-squashfs.img.gz": (
        "x86-generic-generic-squashfs-combined.img.gz"
    ),
    "x86-geode-combined-squashfs.img.gz": (
        "x86-geode-generic-squashfs-combined.img.gz"
    ),
}
REVERSE_IMAGE_TYPE_MAPPING = {new: old for old, new in IMAGE_TYPE_MAPPING.items()}

# operations that 1.3.1 left in progress for longer are not going on any more
ABANDONED_AFTER = timedelta(hours=24)
OWN_MESSAGE_WITHIN = timedelta(hours=1)
FLASH_STARTED_AT = 65
LEFT_BEHIND = (
    "Closed by the migration to version 1.4: an earlier version left this "
    "operation in progress. Check the device before upgrading it again."
)


def create_default_permissions(apps, schema_editor):
    """Creates the permissions of all apps, which Django does after migrating."""
    for config in installed_apps.get_app_configs():
        # Django skips apps that have no models module
        had, config.models_module = config.models_module, True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = had


def create_permissions_for_default_groups(apps, schema_editor, app_label):
    """Grants the default groups what they may do with the models of this app.

    Arguments:
        app_label: label of the app that owns the models.

    Does nothing without the groups Administrator and Operator.
    """
    create_default_permissions(apps, schema_editor)
    Permission = apps.get_model("auth", "Permission")
    groups = split(
        getattr(settings, "OPENWISP_USERS_GROUP_MODEL", "openwisp_users.Group")
    )
    Group = apps.get_model(*groups)
    granted = (
        ("Administrator", ("add", "change", "delete", "view"), ADMINISTRATOR_MODELS),
        ("Operator", ("view",), OPERATOR_MODELS),
    )
    found = {group.name: group for group in Group.objects.all()}
    if not {"Administrator", "Operator"} <= found.keys():
        return
    for name, actions, models in granted:
        codes = [f"{action}_{model}" for model in models for action in actions]
        permissions = Permission.objects.filter(
            content_type__app_label=app_label, codename__in=codes
        )
        found[name].permissions.add(*permissions.values_list("pk", flat=True))


def create_device_firmware_for_connections(apps, schema_editor, app_label):
    """Pairs every device that has a connection with the image it runs."""
    DeviceFirmware = apps.get_model(app_label, "DeviceFirmware")
    FirmwareImage = apps.get_model(app_label, "FirmwareImage")
    Connection = load_any_model("connection", "DeviceConnection", require_ready=False)
    label = Connection._meta.label  # noqa: SLF001 documented by Django
    connections = apps.get_model(*split(label))
    paired = set(DeviceFirmware.objects.values_list("device_id", flat=True))
    rows = connections.objects.exclude(device__os="").exclude(device__model="")
    for connection in rows.select_related("device").iterator():
        device = connection.device
        image_type = REVERSE_FIRMWARE_IMAGE_MAP.get(device.model)
        if device.os is None or image_type is None or device.pk in paired:
            continue
        image = FirmwareImage.objects.filter(
            type=image_type,
            build__os=device.os,
            build__category__organization_id=device.organization_id,
        ).first()
        if image is not None:
            paired.add(device.pk)
            DeviceFirmware.objects.create(device=device, image=image, installed=True)


def _rename_image_types(apps, app_label, mapping):
    images = apps.get_model(app_label, "FirmwareImage").objects
    for old, new in mapping.items():
        images.filter(type=old).update(type=new)


def update_image_types_forward(apps, schema_editor, app_label):
    """Gives images of four renamed types their present name."""
    _rename_image_types(apps, app_label, IMAGE_TYPE_MAPPING)


def update_image_types_reverse(apps, schema_editor, app_label):
    """Gives images of four renamed types their former name."""
    _rename_image_types(apps, app_label, REVERSE_IMAGE_TYPE_MAPPING)


def treat_old_operations(apps, schema_editor, app_label):
    """Decides about the operations that 1.3.1 left in progress.

    Nothing is flashed: what was started long ago is closed, what may have been
    flashed is verified, and what was not begun waits an hour for the message
    that 1.3.1 published.
    """
    operations = apps.get_model(app_label, "UpgradeOperation").objects
    apps.get_model(app_label, "BatchUpgradeOperation").objects.update(launched=True)
    operations = operations.filter(status="in-progress")
    old = operations.filter(modified__lt=now() - ABANDONED_AFTER)
    for operation in old.only("pk", "log").iterator():
        log = f"{operation.log}\n{LEFT_BEHIND}" if operation.log else LEFT_BEHIND
        closed = operations.filter(pk=operation.pk)
        closed.update(status="failed", phase="done", log=log, modified=now())
    operations.filter(progress__gte=FLASH_STARTED_AT).update(
        phase="reboot", next_run_at=now(), evidence={"legacy": True}
    )
    operations.filter(progress__lt=FLASH_STARTED_AT).update(
        phase="queued",
        next_run_at=now() + OWN_MESSAGE_WITHIN,
        evidence={"legacy": True},
    )


def forget_treatment(apps, schema_editor, app_label):
    """Goes back: rows keep their status, 1.3.1 knows no phases."""
