"""Steps of the migration test, each in a process of its own with its own database.

``python -m compat_tests.steps NAME`` reads JSON from its input and writes JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import django

LABEL = "firmware_upgrader"
DATA = Path(__file__).resolve().parents[1] / "data"
STATUSES = ("success", "failed", "cancelled", "aborted")
BATCH_STATUSES = ("idle", "in-progress", "success", "failed", "cancelled")
# orphans of 1.3.1: age in hours, progress; the devices are those of the fleets
ORPHANS = {
    "abandoned": (25, 10),
    "abandoned after the flash": (30, 70),
    "flashed": (2, 65),
    "not flashed after all": (2, 90),
    "gone": (1, 65),
    "waiting": (3, 20),
    "waiting at the start": (23, 0),
    "with its message": (0, 0),
}


def migrate_others(given):
    """Migrates all apps but ours."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    # PostGIS and SpatiaLite
    connection.prepare_database()
    executor = MigrationExecutor(connection)
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] != LABEL]
    executor.migrate(targets)


def schema(given):
    """Returns the schema of our tables."""
    from .schema import read_schema

    return read_schema()


def install_published(given):
    """Creates the tables of 1.3.1 from the literal SQL."""
    from django.db import connection

    kind = "postgres" if connection.vendor == "postgresql" else "spatialite"
    text = (DATA / f"1.3.1-{kind}.sql").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    with connection.cursor() as cursor:
        for statement in "\n".join(lines).split(";\n"):
            if statement.strip():
                cursor.execute(statement)


def insert(table, **values):
    """Inserts one row with raw SQL and returns its key."""
    from django.db import connection
    from django.utils import timezone

    key = uuid4()
    now = timezone.now()
    values = {"id": key, "created": now, "modified": now, **values}
    if connection.vendor == "sqlite":
        values = {name: as_sqlite(value) for name, value in values.items()}
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(["%s"] * len(values))
    sql = f'INSERT INTO "{LABEL}_{table}" ({names}) VALUES ({marks})'
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values.values()))
    return key


def as_sqlite(value):
    """Returns a value as Django stores it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if hasattr(value, "isoformat"):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value


def controller_rows(given):
    """Makes the rows of other apps; bulk_create keeps our receivers out."""
    from stack.inventory import MODEL, OLD, STRATEGY
    from swapper import load_model

    from openwisp_firmware_upgrader.testing import release_of

    organization = load_model("openwisp_users", "Organization")(
        name="Old", slug="old", is_active=True
    )
    type(organization).objects.bulk_create([organization])
    devices = {}
    for number, (name, place) in enumerate(sorted(given["devices"].items())):
        credentials = load_model("connection", "Credentials")(
            name=name,
            organization=organization,
            connector="openwisp_controller.connection.connectors.ssh.Ssh",
            params={"username": "root", "password": "password", "port": place["port"]},
        )
        device = load_model("config", "Device")(
            id=UUID(place["uuid"]),
            key=UUID(place["uuid"]).hex,
            name=name,
            organization=organization,
            mac_address=f"02:00:00:00:00:{number:02x}",
            model=MODEL,
            os=release_of(*OLD),
            management_ip=place["address"],
        )
        connection = load_model("connection", "DeviceConnection")(
            device=device,
            credentials=credentials,
            update_strategy=STRATEGY,
            enabled=True,
        )
        for row in (credentials, device, connection):
            type(row).objects.bulk_create([row])
        devices[name] = device.pk
    group = load_model("config", "DeviceGroup")(name="G", organization=organization)
    location = load_model("geo", "Location")(
        name="L", organization=organization, type="outdoor", is_mobile=True
    )
    for row in (group, location):
        type(row).objects.bulk_create([row])
    return organization.pk, devices, group.pk, location.pk


def add_build(category, version, release):
    """Inserts a build with its image, whose file is stored as 1.3.1 stores it."""
    from django.conf import settings
    from stack.inventory import IMAGE_TYPE

    from openwisp_firmware_upgrader.testing import make_image, release_of

    build = insert(
        "build",
        category_id=category,
        version=version,
        os=release_of(*release),
        changelog="of 1.3.1",
    )
    stored = f"{build}/openwrt-{IMAGE_TYPE}"
    path = Path(settings.PRIVATE_STORAGE_ROOT) / stored
    path.parent.mkdir(parents=True)
    content = make_image(64 * 1024, version=release[0], revision=release[1])
    path.write_bytes(content)
    image = insert("firmwareimage", build_id=build, type=IMAGE_TYPE, file=stored)
    return build, image


def fill(given):
    """Fills the tables of 1.3.1 with rows in every status, and orphans."""
    from django.utils import timezone
    from stack.inventory import NEW, OLD

    organization, devices, group, location = controller_rows(given)
    owned = insert(
        "category", name="Owned", description="", organization_id=organization
    )
    insert("category", name="Shared", description="é", organization_id=None)
    _, old = add_build(owned, "1.0", OLD)
    build, new = add_build(owned, "2.0", NEW)
    insert("build", category_id=owned, version="0.1", os=None, changelog="no image")
    for name, device in devices.items():
        image = old if name == "finished" else new
        insert("devicefirmware", device_id=device, image_id=image, installed=False)
    common = {"build_id": build, "upgrade_options": '{"c": true}'}
    for status in BATCH_STATUSES:
        insert(
            "batchupgradeoperation",
            status=status,
            group_id=group,
            location_id=location,
            **common,
        )
    batch = insert(
        "batchupgradeoperation",
        status="in-progress",
        group_id=None,
        location_id=None,
        **common,
    )
    values = {"upgrade_options": "{}", "batch_id": None}
    for status in STATUSES:
        for image in (new, None):
            insert(
                "upgradeoperation",
                device_id=devices["finished"],
                status=status,
                progress=100 if status == "success" else 20,
                log="one\ntwo",
                image_id=image,
                **values,
            )
    operations = {}
    for name, (hours, progress) in ORPHANS.items():
        then = timezone.now() - timedelta(hours=hours)
        operations[name] = insert(
            "upgradeoperation",
            device_id=devices[name],
            status="in-progress",
            progress=progress,
            log="",
            image_id=new,
            created=then,
            modified=then,
            upgrade_options="{}",
            batch_id=batch if name == "flashed" else None,
        )
    return {"operations": operations, "batch": batch}


def rows(given):
    """Returns all rows of the given columns, by table and key."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table, columns in given["columns"].items():
            names = sorted(columns)
            quoted = ", ".join(f'"{name}"' for name in names)
            cursor.execute(f'SELECT {quoted} FROM "{table}"')
            found[table] = {
                UUID(str(row[names.index("id")])).hex: dict(zip(names, row))
                for row in cursor.fetchall()
            }
    return found


def operations(given):
    """Returns how operations stand, by their keys."""
    from openwisp_firmware_upgrader.swapper import load_model

    fields = ("id", "status", "phase", "log", "next_run_at", "batch__status")
    found = load_model("UpgradeOperation").objects.filter(pk__in=given["keys"])
    return {str(row["id"]): row for row in found.values(*fields)}


def ends(given):
    """Waits for the ends of operations."""
    from stack.project import wait_for

    def ended():
        rows = operations(given).values()
        return all(row["status"] != "in-progress" for row in rows)

    wait_for(ended, "the ends of operations", 90, every=0.5)


def hour_later(given):
    """Makes due what the migration lets wait for an hour."""
    from django.db.models import F

    from openwisp_firmware_upgrader.swapper import load_model

    due = load_model("UpgradeOperation").objects.filter(next_run_at__isnull=False)
    due.update(next_run_at=F("next_run_at") - timedelta(minutes=61))


def publish(given):
    """Publishes the message that 1.3.1 left in the broker."""
    from openwisp_firmware_upgrader.tasks import upgrade_firmware

    upgrade_firmware.delay(given["key"])


STEPS = {
    step.__name__: step
    for step in (
        migrate_others,
        schema,
        install_published,
        fill,
        rows,
        operations,
        ends,
        hour_later,
        publish,
    )
}

if __name__ == "__main__":
    django.setup()
    text = sys.stdin.read()
    result = STEPS[sys.argv[1]](json.loads(text) if text else {})
    print(json.dumps(result, default=str))
