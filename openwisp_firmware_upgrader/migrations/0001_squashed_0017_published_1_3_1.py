"""The schema of 1.3.1, in one step; stands for its seventeen migrations."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import model_utils.fields
import openwisp_users.mixins
import private_storage.fields
import swapper
from django.db import migrations, models
from swapper import get_model_name as get_any_model_name

from openwisp_firmware_upgrader import settings as app_settings
from openwisp_firmware_upgrader.base.models import get_build_directory
from openwisp_firmware_upgrader.hardware import FIRMWARE_IMAGE_TYPE_CHOICES
from openwisp_firmware_upgrader.checks.migrations import PUBLISHED
from openwisp_firmware_upgrader.migrations import (
    create_permissions_for_default_groups,
)
from openwisp_firmware_upgrader.swapper import get_model_name


def grant_permissions(apps, schema_editor):
    create_permissions_for_default_groups(apps, schema_editor, "firmware_upgrader")


class Migration(migrations.Migration):
    initial = True

    replaces = [("firmware_upgrader", name) for name in PUBLISHED]

    dependencies = [
        swapper.dependency(
            *swapper.split(get_any_model_name("config", "Device")),
            version="0036_device_group",
        ),
        swapper.dependency(*swapper.split(get_any_model_name("geo", "Location"))),
        ("openwisp_users", "0020_populate_password_updated_field"),
    ]

    operations = [
        migrations.CreateModel(
            name="Build",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                ("version", models.CharField(db_index=True, max_length=32)),
                (
                    "os",
                    models.CharField(
                        blank=True,
                        help_text="the operating system as devices report it, such as OpenWrt 23.05.5 r24106-10cc5fcd00; used to find out which devices already run this build",
                        max_length=64,
                        null=True,
                        verbose_name="OS identifier",
                    ),
                ),
                (
                    "changelog",
                    models.TextField(
                        blank=True,
                        help_text="what changes with this version compared to the one before",
                        verbose_name="change log",
                    ),
                ),
            ],
            options={
                "verbose_name": "Firmware Build",
                "verbose_name_plural": "Firmware Builds",
                "ordering": ("-created",),
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_BUILD_MODEL",
            },
        ),
        migrations.CreateModel(
            name="BatchUpgradeOperation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                ("upgrade_options", models.JSONField(blank=True, default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("idle", "idle"),
                            ("in-progress", "in progress"),
                            ("success", "completed successfully"),
                            ("failed", "completed with some failures"),
                            ("cancelled", "completed with some cancellations"),
                        ],
                        default="idle",
                        max_length=12,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        help_text="only devices of this group are upgraded",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=get_any_model_name("config", "DeviceGroup"),
                        verbose_name="device group",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        blank=True,
                        help_text="only devices at this location are upgraded",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=get_any_model_name("geo", "Location"),
                        verbose_name="location",
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_model_name("Build"),
                    ),
                ),
            ],
            options={
                "verbose_name": "Mass upgrade operation",
                "verbose_name_plural": "Mass upgrade operations",
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_BATCHUPGRADEOPERATION_MODEL",
            },
        ),
        migrations.CreateModel(
            name="Category",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                ("name", models.CharField(db_index=True, max_length=64)),
                ("description", models.TextField(blank=True)),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="openwisp_users.organization",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "Firmware Category",
                "verbose_name_plural": "Firmware Categories",
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_CATEGORY_MODEL",
            },
            bases=(openwisp_users.mixins.ValidateOrgMixin, models.Model),
        ),
        migrations.AddField(
            model_name="build",
            name="category",
            field=models.ForeignKey(
                help_text="if you have different firmware for different roles of devices, such as access points and routers, keep each in a category of its own",
                on_delete=django.db.models.deletion.CASCADE,
                to=get_model_name("Category"),
                verbose_name="firmware category",
            ),
        ),
        migrations.CreateModel(
            name="FirmwareImage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                (
                    "file",
                    private_storage.fields.PrivateFileField(
                        max_length=255,
                        storage=app_settings.PRIVATE_STORAGE_INSTANCE,
                        upload_to=get_build_directory,
                        verbose_name="File",
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        blank=True,
                        choices=FIRMWARE_IMAGE_TYPE_CHOICES,
                        help_text="the type of the image, left empty it is found out from the file name",
                        max_length=128,
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_model_name("Build"),
                    ),
                ),
            ],
            options={
                "verbose_name": "Firmware Image",
                "verbose_name_plural": "Firmware Images",
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_FIRMWAREIMAGE_MODEL",
            },
        ),
        migrations.CreateModel(
            name="DeviceFirmware",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                ("installed", models.BooleanField(default=False)),
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_any_model_name("config", "Device"),
                    ),
                ),
                (
                    "image",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_model_name("FirmwareImage"),
                    ),
                ),
            ],
            options={
                "verbose_name": "Device Firmware",
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_DEVICEFIRMWARE_MODEL",
            },
        ),
        migrations.CreateModel(
            name="UpgradeOperation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="modified",
                    ),
                ),
                ("upgrade_options", models.JSONField(blank=True, default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("in-progress", "in progress"),
                            ("success", "success"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("aborted", "aborted"),
                        ],
                        default="in-progress",
                        max_length=12,
                    ),
                ),
                ("log", models.TextField(blank=True)),
                (
                    "progress",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_model_name("BatchUpgradeOperation"),
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=get_any_model_name("config", "Device"),
                    ),
                ),
                (
                    "image",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=get_model_name("FirmwareImage"),
                    ),
                ),
            ],
            options={
                "abstract": False,
                "swappable": "FIRMWARE_UPGRADER_UPGRADEOPERATION_MODEL",
            },
        ),
        migrations.AlterUniqueTogether(
            name="category",
            unique_together={("name", "organization")},
        ),
        migrations.AlterUniqueTogether(
            name="build",
            unique_together={("category", "version")},
        ),
        migrations.AlterUniqueTogether(
            name="firmwareimage",
            unique_together={("build", "type")},
        ),
        migrations.RunPython(grant_permissions, migrations.RunPython.noop),
    ]
