"""From the schema of 1.3.1 to ours, and back, without losing a row."""

from __future__ import annotations

import io
from datetime import timedelta
from unittest import skipIf

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.test import TestCase, TransactionTestCase, tag
from django.utils import timezone

from ..checks.migrations import LABEL, PUBLISHED
from ..swapper import load_model
from .base import TestUpgraderMixin

SQUASH = "0001_squashed_0017_published_1_3_1"
ENGINE = "0018_engine"
TIMES = "0019_log_times"


@tag("heavy")
@skipIf(
    getattr(settings, "SAMPLE_APP", False),
    "the sample app has migrations of its own, these are of our label",
)
class TestMigrations(TestUpgraderMixin, TransactionTestCase):
    def tearDown(self):
        self._record_as_published()
        MigrationRecorder(connection).record_applied(LABEL, SQUASH)
        self._migrate(TIMES)
        super().tearDown()

    def _migrate(self, name):
        call_command("migrate", LABEL, name, verbosity=0, stdout=io.StringIO())
        return MigrationExecutor(connection).loader.project_state((LABEL, name)).apps

    def _record_as_published(self, names=PUBLISHED):
        recorder = MigrationRecorder(connection)
        applied = recorder.applied_migrations()
        for name in names:
            if (LABEL, name) not in applied:
                recorder.record_applied(LABEL, name)

    def _forget(self):
        recorder = MigrationRecorder(connection)
        for name in (*PUBLISHED, SQUASH):
            recorder.record_unapplied(LABEL, name)

    def _pending(self):
        executor = MigrationExecutor(connection)
        targets = executor.loader.graph.leaf_nodes()
        return [m.name for m, _ in executor.migration_plan(targets)]

    def test_database_of_1_3_1_needs_our_engine_only(self):
        self._migrate(SQUASH)
        self._forget()
        self._record_as_published()
        self.assertEqual(self._pending(), [ENGINE, TIMES])
        self._migrate(TIMES)
        self.assertEqual(self._pending(), [])

    def test_database_older_than_1_3_1_is_refused_in_words(self):
        self._migrate(SQUASH)
        for number in (1, 9, 16):
            with self.subTest(applied=number):
                self._forget()
                self._record_as_published(PUBLISHED[:number])
                for arguments in ([], [LABEL], [LABEL, ENGINE], [LABEL, SQUASH]):
                    with self.assertRaises(CommandError) as raised:
                        # as the command line does, unlike call_command
                        options = {"skip_checks": not arguments, "verbosity": 0}
                        call_command("migrate", *arguments, **options)
                    self.assertIn("1.3.1", str(raised.exception), arguments)
                    self.assertIn(PUBLISHED[number - 1], str(raised.exception))

    def _old_rows(self, apps):
        """Returns operations of 1.3.1 by what should become of them."""
        image = self._image
        batch = apps.get_model(LABEL, "BatchUpgradeOperation").objects.create(
            build_id=image.build_id, status="in-progress"
        )
        model = apps.get_model(LABEL, "UpgradeOperation")
        common = {"device_id": self._device.pk, "image_id": image.pk}
        cases = {
            "finished": {"status": "success", "progress": 100},
            "abandoned": {"status": "in-progress", "progress": 10},
            "flashed": {"status": "in-progress", "progress": 65},
            "waiting": {"status": "in-progress", "progress": 20},
        }
        rows = {
            name: model.objects.create(log="old", batch_id=batch.pk, **common, **values)
            for name, values in cases.items()
        }
        model.objects.filter(pk=rows["abandoned"].pk).update(
            modified=timezone.now() - timedelta(days=2)
        )
        return {name: row.pk for name, row in rows.items()}, batch.pk

    def _prepare(self):
        self._image = self._create_firmware_image()
        self._device = self._create_device_with_connection(model=self._image.boards[0])
        load_model("DeviceFirmware").objects.all().delete()

    def test_rows_that_1_3_1_left_in_progress_get_their_ends(self):
        self._prepare()
        keys, batch = self._old_rows(self._migrate(SQUASH))
        self._migrate(TIMES)
        rows = load_model("UpgradeOperation").objects
        now = timezone.now()
        finished = rows.get(pk=keys["finished"])
        self.assertEqual((finished.status, finished.phase), ("success", "done"))
        self.assertIsNone(finished.next_run_at)
        abandoned = rows.get(pk=keys["abandoned"])
        self.assertEqual((abandoned.status, abandoned.phase), ("failed", "done"))
        self.assertGreater(len(abandoned.log.splitlines()), 1)
        flashed = rows.get(pk=keys["flashed"])
        self.assertEqual((flashed.status, flashed.phase), ("in-progress", "reboot"))
        self.assertLessEqual(flashed.next_run_at, now)
        waiting = rows.get(pk=keys["waiting"])
        self.assertEqual((waiting.status, waiting.phase), ("in-progress", "queued"))
        self.assertGreater(waiting.next_run_at, now + timedelta(minutes=50))
        batches = load_model("BatchUpgradeOperation").objects
        self.assertTrue(batches.get(pk=batch).launched)

    def test_back_and_forth_loses_nothing_of_1_3_1(self):
        self._prepare()
        apps = self._migrate(SQUASH)
        self._old_rows(apps)
        before = self._contents(apps)
        self.assertEqual(before, self._contents(self._migrate(SQUASH)))
        self._migrate(ENGINE)
        middle = self._contents(self._migrate(SQUASH))
        self._migrate(TIMES)
        after = self._contents(self._migrate(SQUASH))
        self.assertEqual(middle, after)
        changed = [row for row in before if row not in middle]
        # the one that was abandoned has failed, all else is as it was
        self.assertEqual(len(changed), 1)

    def _contents(self, apps):
        found = []
        for name in ("Build", "FirmwareImage", "BatchUpgradeOperation"):
            found += list(apps.get_model(LABEL, name).objects.order_by("pk").values())
        rows = apps.get_model(LABEL, "UpgradeOperation").objects.order_by("pk")
        return found + list(rows.values())


@skipIf(getattr(settings, "SAMPLE_APP", False), "the sample app tests its own")
class TestPermissions(TestCase):
    def test_default_groups_have_the_permissions(self):
        group = get_user_model()._meta.get_field("groups").related_model
        permissions = {
            name: set(
                group.objects.get(name=name)
                .permissions.filter(content_type__app_label=LABEL)
                .values_list("codename", flat=True)
            )
            for name in ("Administrator", "Operator")
        }
        self.assertIn("add_category", permissions["Administrator"])
        self.assertNotIn("add_category", permissions["Operator"])
        for name in ("build", "firmwareimage", "batchupgradeoperation"):
            self.assertIn(f"view_{name}", permissions["Administrator"])
            self.assertIn(f"view_{name}", permissions["Operator"])
