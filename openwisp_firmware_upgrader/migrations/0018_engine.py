"""What the engine needs: phases, leases, evidence; and the end of old rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from openwisp_firmware_upgrader.migrations import (
    forget_treatment,
    treat_old_operations,
)
from openwisp_firmware_upgrader.statuses import Phase


def treat(apps, schema_editor):
    treat_old_operations(apps, schema_editor, "firmware_upgrader")


def forget(apps, schema_editor):
    forget_treatment(apps, schema_editor, "firmware_upgrader")


def created_by():
    return models.ForeignKey(
        blank=True,
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def phase(default):
    return models.CharField(
        choices=Phase.choices, default=default, editable=False, max_length=16
    )


def moment():
    return models.DateTimeField(blank=True, editable=False, null=True)


def counter():
    return models.PositiveIntegerField(default=0, editable=False)


HELD = models.Q(lease_expires_at__isnull=False)

OPERATION = {
    # what was finished before there were phases is done
    "phase": phase("done"),
    "runs": counter(),
    "attempts": counter(),
    "next_run_at": moment(),
    "lease_expires_at": moment(),
    "evidence": models.JSONField(blank=True, default=dict, editable=False),
    "created_by": created_by(),
}
BATCH = {
    "firmwareless": models.BooleanField(default=False, editable=False),
    # what exists was launched by 1.3.1
    "launched": models.BooleanField(default=True, editable=False),
    "next_run_at": moment(),
    "created_by": created_by(),
    "idempotency_key": models.CharField(
        blank=True, default="", editable=False, max_length=255
    ),
}
IMAGE = {
    "checksum": models.CharField(blank=True, default="", editable=False, max_length=64),
    "size": models.BigIntegerField(editable=False, null=True),
    "metadata": models.JSONField(editable=False, null=True),
}


def add(model_name, fields):
    return [
        migrations.AddField(model_name=model_name, name=name, field=field)
        for name, field in fields.items()
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("firmware_upgrader", "0001_squashed_0017_published_1_3_1"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *add("upgradeoperation", OPERATION),
        *add("batchupgradeoperation", BATCH),
        *add("firmwareimage", IMAGE),
        migrations.AlterField("upgradeoperation", "phase", phase("queued")),
        migrations.AlterField(
            "batchupgradeoperation",
            "launched",
            models.BooleanField(default=False, editable=False),
        ),
        migrations.AddIndex(
            "upgradeoperation",
            models.Index(
                fields=["batch", "status"], name="firmware_up_batch_i_9721bb_idx"
            ),
        ),
        migrations.AddIndex(
            "upgradeoperation",
            models.Index(
                fields=["next_run_at"],
                condition=models.Q(status="in-progress"),
                name="fw_operation_next_run_at",
            ),
        ),
        migrations.AddIndex(
            "upgradeoperation",
            models.Index(
                fields=["lease_expires_at"],
                condition=HELD,
                name="fw_operation_lease_expires",
            ),
        ),
        migrations.AddConstraint(
            "upgradeoperation",
            models.UniqueConstraint(
                fields=["device"], condition=HELD, name="fw_one_lease_per_device"
            ),
        ),
        migrations.AddConstraint(
            "batchupgradeoperation",
            models.UniqueConstraint(
                fields=["created_by", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="fw_batch_one_launch_a_key",
            ),
        ),
        # last: PostgreSQL will not alter a table whose rows have just changed
        migrations.RunPython(treat, forget),
    ]
