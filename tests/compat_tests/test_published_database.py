"""From a database of 1.3.1 to ours and back, on both databases, with a worker.

The schema of 1.3.1 is literal SQL in ``tests/data``, written from its data model.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from stack import Project
from stack.project import BOOT, TESTS

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

LABEL = "firmware_upgrader"
SQUASH = "0001_squashed_0017_published_1_3_1"
OPERATIONS = f"{LABEL}_upgradeoperation"
# as in stack.inventory, which needs django.setup()
OLD, NEW = ("1.0", "r1"), ("2.0", "r2")
# what the migration says of an orphan that it closes at once
CLOSED_AT_ONCE = ("abandoned", "abandoned after the flash")


class Database:
    """One database of a kind, and programs that work on it."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def step(self, name: str, **given):
        """Runs a step and returns what it returned."""
        done = subprocess.run(
            [sys.executable, "-m", "compat_tests.steps", name],
            input=json.dumps(given, default=str),
            capture_output=True,
            text=True,
            check=False,
            cwd=TESTS,
            env=self.project.whole_environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def migrate(self, *target: str) -> None:
        """Runs migrate."""
        self.project.manage("migrate", "-v0", *target)

    def use_copy(self, name: str) -> None:
        """Copies the database and goes on with the copy."""
        env = self.project.env
        if env["FIRMWARE_DB"] == "postgres":
            self.project.database.create(name, template=env["PGDATABASE"])
            env["PGDATABASE"] = name
        else:
            old = Path(env["FIRMWARE_SQLITE_NAME"])
            copy = old.with_name(f"{name}.db")
            shutil.copy(old, copy)
            env["FIRMWARE_SQLITE_NAME"] = str(copy)


@pytest.fixture(scope="module", params=["postgres", "spatialite"])
def migrated(request):
    """A database of 1.3.1 on its way to ours; yields what was seen on it."""
    made = Project(request.param)
    try:
        yield Story(Database(made))
    finally:
        made.stop()


class Story:
    """Walks the way once and remembers what the tests compare."""

    def __init__(self, database: Database) -> None:
        self.database = database
        database.step("migrate_others")
        original = dict(database.project.env)
        database.use_copy("ours")
        database.migrate(LABEL, SQUASH)
        self.ours = database.step("schema")
        database.project.env.update(original)
        database.use_copy("published")
        database.step("install_published")
        self.published = database.step("schema")
        options = {"boot_time": BOOT}
        with (
            FleetProcess(devices=1, release=release_of(*NEW), **options) as new,
            FleetProcess(devices=7, release=release_of(*OLD), **options) as old,
        ):
            self._fill(new, old)
            self._migrate()
            self._work(old)
            self.flashes = self._flashes(new, old)
        database.migrate(LABEL, SQUASH)
        self.back = database.step("schema")
        self.last_rows = self._rows()

    def _fill(self, new, old) -> None:
        names = [
            "abandoned",
            "abandoned after the flash",
            "not flashed after all",
            "waiting",
            "waiting at the start",
            "with its message",
            "finished",
        ]
        places = {"flashed": {**new.addresses()[0], "port": new.port}}
        for name, row in zip(names, old.addresses(), strict=True):
            places[name] = {**row, "port": old.port}
        # nobody listens there
        places["gone"] = {"uuid": str(uuid4()), "address": "127.77.0.1", "port": 1}
        made = self.database.step("fill", devices=places)
        self.keys = made["operations"]
        self.batch = made["batch"]
        self.uuids = {name: place["uuid"] for name, place in places.items()}

    def _rows(self):
        columns = {name: list(of["columns"]) for name, of in self.published.items()}
        return self.database.step("rows", columns=columns)

    def _migrate(self) -> None:
        self.rows_before = self._rows()
        self.database.migrate()
        self.rows_after = self._rows()
        self.after_migration = self._operations()

    def _operations(self):
        found = self.database.step("operations", keys=list(self.keys.values()))
        return {name: found[key] for name, key in self.keys.items()}

    def _work(self, fleet) -> None:
        self.database.step("publish", key=self.keys["with its message"])
        worker = self.database.project.worker(slots=4)
        try:
            self._wait("flashed", "not flashed after all", "gone", "with its message")
            self.before_the_hour = self._operations()
            self.database.step("hour_later")
            self._wait(*self.keys)
        finally:
            worker.kill()
        self.ends = self._operations()

    def _wait(self, *names: str) -> None:
        self.database.step("ends", keys=[self.keys[name] for name in names])

    def _flashes(self, *fleets):
        found = {}
        for fleet in fleets:
            ledger = fleet.ledger()
            for row in fleet.addresses():
                found[UUID(row["uuid"])] = ledger.flashes_of(row["uuid"])
        return {
            name: found[UUID(uuid)]
            for name, uuid in self.uuids.items()
            if UUID(uuid) in found
        }


def test_squash_creates_the_schema_of_1_3_1(migrated):
    assert len(migrated.published) == 6
    for table, of in migrated.published.items():
        for part, values in of.items():
            assert migrated.ours[table][part] == values, (table, part)
    assert migrated.ours.keys() == migrated.published.keys()


def test_every_old_column_is_kept(migrated):
    closed = {UUID(migrated.keys[name]).hex for name in CLOSED_AT_ONCE}
    for table, rows in migrated.rows_before.items():
        assert rows, table
        assert migrated.rows_after[table].keys() == rows.keys()
        for key, row in rows.items():
            after = dict(migrated.rows_after[table][key])
            if table == OPERATIONS and key in closed:
                assert after.pop("status") == "failed"
                assert after.pop("log")
                after.pop("modified")
                row = {name: row[name] for name in after}
            assert after == row, (table, key)


def test_every_status_was_there(migrated):
    rows = migrated.rows_before
    statuses = {row["status"] for row in rows[OPERATIONS].values()}
    assert statuses == {"success", "failed", "cancelled", "aborted", "in-progress"}
    batches = rows[f"{LABEL}_batchupgradeoperation"].values()
    assert {row["status"] for row in batches} == {
        "idle",
        "in-progress",
        "success",
        "failed",
        "cancelled",
    }


@pytest.mark.parametrize("name", CLOSED_AT_ONCE)
def test_abandoned_orphans_are_closed_by_the_migration(migrated, name):
    row = migrated.after_migration[name]
    assert (row["status"], row["phase"]) == ("failed", "done")
    assert "1.4" in row["log"]


def test_orphans_that_may_have_flashed_are_verified(migrated):
    for name in ("flashed", "not flashed after all", "gone"):
        row = migrated.after_migration[name]
        assert (row["status"], row["phase"]) == ("in-progress", "reboot")
    flashed = migrated.ends["flashed"]
    assert flashed["status"] == "success", flashed["log"]
    assert flashed["batch__status"] == "success"
    old = migrated.ends["not flashed after all"]
    assert old["status"] == "failed"
    assert f"runs {release_of(*OLD)}, not {release_of(*NEW)}" in old["log"]
    gone = migrated.ends["gone"]
    assert gone["status"] == "failed"
    assert "Giving up" in gone["log"], gone["log"]


@pytest.mark.parametrize("name", ["waiting", "waiting at the start"])
def test_orphans_that_did_not_flash_fail_after_an_hour(migrated, name):
    row = migrated.after_migration[name]
    assert (row["status"], row["phase"]) == ("in-progress", "queued")
    assert migrated.before_the_hour[name]["status"] == "in-progress"
    assert migrated.ends[name]["status"] == "failed"
    assert migrated.ends[name]["log"]


def test_an_orphan_whose_message_arrives_is_upgraded(migrated):
    end = migrated.ends["with its message"]
    assert end["status"] == "success", end["log"]


def test_no_orphan_is_flashed_by_itself(migrated):
    assert migrated.flashes.pop("with its message") == 1
    assert set(migrated.flashes.values()) == {0}, migrated.flashes
    assert len(migrated.flashes) == 7


def test_back_to_1_3_1_the_schema_is_its_own_again(migrated):
    assert migrated.back == migrated.ours


def test_back_to_1_3_1_no_row_is_lost(migrated):
    worked_on = {UUID(key).hex for key in migrated.keys.values()}
    for table, rows in migrated.rows_before.items():
        assert migrated.last_rows[table].keys() == rows.keys()
    for key, row in migrated.rows_before[OPERATIONS].items():
        if key not in worked_on:
            assert migrated.last_rows[OPERATIONS][key] == row
