"""Refuses to migrate a database older than 1.3.1, which Django would spoil."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.checks import Error
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

PUBLISHED = (
    "0001_initial",
    "0002_default_permissions",
    "0003_private_media",
    "0004_batch_upgrade_operation_idle_status",
    "0005_build_os_identifier",
    "0006_create_device_firmware",
    "0007_nullable_upgrade_operation_image",
    "0008_firmware_image_baseurl",
    "0009_upgrade_options",
    "0010_alter_firmwareimage_file",
    "0011_alter_category_organization",
    "0012_update_image_type_identifiers",
    "0013_upgradeoperation_progress",
    "0014_alter_upgradeoperation_status",
    "0015_add_group_to_batchupgradeoperation",
    "0016_batchupgradeoperation_location",
    "0017_alter_batchupgradeoperation_status",
)
LABEL = "firmware_upgrader"


def refuse_partial_chain(using: str, **kwargs: object) -> None:
    """Receiver of ``pre_migrate``.

    Arguments:
        using: alias of the database to migrate.

    Raises CommandError when some, but not all, migrations of 1.3.1 are applied.
    """
    problem = find_partial_chain(using)
    if problem:
        raise CommandError(problem)


def check_partial_chain(
    databases: Iterable[str] | None = None, **kwargs: object
) -> list[Error]:
    """System check of databases, which ``migrate`` runs before anything else.

    With the label of the app Django would die before ``pre_migrate``.

    Arguments:
        databases: aliases of the databases to migrate.
    """
    problems = [find_partial_chain(using) for using in databases or ()]
    return [Error(text, id=f"{LABEL}.E001") for text in problems if text]


def find_partial_chain(using: str) -> str:
    """Returns what is wrong with the applied migrations, nothing if all is well."""
    applied = MigrationRecorder(connections[using]).applied_migrations()
    present = [name for name in PUBLISHED if (LABEL, name) in applied]
    if not present or len(present) == len(PUBLISHED):
        return ""
    text = _(
        "The database holds firmware_upgrader up to migration %(last)s only. "
        "Upgrade to openwisp-firmware-upgrader 1.3.1 first, run its migrations, "
        "then install this version and migrate again. Nothing was changed."
    )
    return text % {"last": present[-1]}
