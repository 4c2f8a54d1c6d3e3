"""Cancelling, retrying and deleting mass upgrades and operations."""

from __future__ import annotations

from unittest import mock

from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import TestCase, tag
from django.test.utils import CaptureQueriesContext
from swapper import load_model as load_any_model

from ..actions import launch_batch, resume_operations
from ..actions.cancel_batch import cancel_batch
from ..actions.delete_operations import (
    StillInProgress,
    delete_batch,
    delete_operation,
)
from ..actions.retry_operations import retry_batch, retry_operation
from ..live import transport
from ..state import leases, wakeups
from ..state.settle_batch import settle_ended
from ..swapper import load_model
from .test_launch import FleetMixin

# of a retry, four chunks
STATEMENTS = 100
# about a batch that nobody knows yet
MESSAGES = 3


class BatchActionsMixin(FleetMixin):
    """Launches mass upgrades without a worker."""

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(wakeups, "send", return_value=True)
        self.sent = patcher.start()
        self.addCleanup(patcher.stop)

    def _rows(self, batch):
        return load_model("UpgradeOperation").objects.filter(batch=batch)

    def _statuses(self, batch):
        return sorted(self._rows(batch).values_list("status", flat=True))

    def _set(self, operation, **fields):
        load_model("UpgradeOperation").objects.filter(pk=operation.pk).update(**fields)

    def _end_all(self, batch, status):
        ended = {"status": status, "phase": "done", "next_run_at": None}
        self._rows(batch).update(**ended)
        batch.calculate_and_update_status()


class TestCancelBatch(BatchActionsMixin, TestCase):
    def test_everything_not_flashed_is_cancelled(self):
        build, _devices = self._many(3)
        batch = self._launch(build)
        flashing, waiting, ended = self._rows(batch).order_by("pk")
        self._set(flashing, phase="flash", progress=65)
        self._set(ended, status="failed", phase="done", log="broken")
        result = cancel_batch(batch)
        self.assertEqual((result.cancelled, result.going_on), (1, 1))
        waiting.refresh_from_db()
        self.assertEqual(waiting.status, "cancelled")
        self.assertEqual(waiting.phase, "done")
        self.assertIsNone(waiting.next_run_at)
        self.assertIn("cancelled by user", waiting.log)
        self.assertEqual(self._statuses(batch), ["cancelled", "failed", "in-progress"])
        batch.refresh_from_db()
        self.assertEqual(batch.status, "in-progress")
        ended.refresh_from_db()
        self.assertEqual(ended.log, "broken")

    def test_a_batch_without_anything_running_is_settled(self):
        build, _devices = self._many(2)
        batch = self._launch(build)
        cancel_batch(batch)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def test_a_launch_that_was_not_begun_never_begins(self):
        build, _devices = self._many(2)
        batch = launch_batch.create_batch(build, False)
        result = cancel_batch(batch)
        self.assertEqual((result.cancelled, result.going_on), (0, 0))
        launch_batch.launch_by_id(batch.pk, False)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")
        self.assertEqual(self._statuses(batch), [])
        batch.calculate_and_update_status()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def test_a_launch_in_the_middle_of_its_chunks_adds_nothing_more(self):
        build, _devices = self._many(4)
        batch = launch_batch.create_batch(build, False)
        insert = launch_batch.insert_operations

        def cancelled_after_the_first(found, chunk):
            insert(found, chunk)
            if not type(batch).objects.get(pk=batch.pk).launched:
                cancel_batch(type(batch).objects.get(pk=batch.pk))

        with (
            mock.patch.object(launch_batch, "CHUNK", 1),
            mock.patch.object(
                launch_batch, "insert_operations", cancelled_after_the_first
            ),
        ):
            launch_batch.launch_by_id(batch.pk, False)
        self.assertEqual(self._statuses(batch), ["cancelled"])
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def _cut_short(self, end):
        """Cancels a launch after its first chunk, whose operation ends so."""
        build, _devices = self._many(4)
        batch = launch_batch.create_batch(build, False)
        insert = launch_batch.insert_operations
        done = []

        def cancelled_after_the_first(found, chunk):
            insert(found, chunk)
            if not done:
                done.append(True)
                end(batch)
                cancel_batch(type(batch).objects.get(pk=batch.pk))

        with (
            mock.patch.object(launch_batch, "CHUNK", 1),
            mock.patch.object(
                launch_batch, "insert_operations", cancelled_after_the_first
            ),
        ):
            launch_batch.launch_by_id(batch.pk, False)
        batch.refresh_from_db()
        return batch

    def test_a_launch_cut_short_is_no_success(self):
        ended = {"status": "success", "phase": "done", "next_run_at": None}
        batch = self._cut_short(lambda found: self._rows(found).update(**ended))
        self.assertEqual(self._statuses(batch), ["success"])
        self.assertEqual(batch.status, "cancelled")

    def test_a_launch_cut_short_is_cancelled_once_what_it_started_succeeds(self):
        flashing = {"phase": "reboot", "progress": 65}
        batch = self._cut_short(lambda found: self._rows(found).update(**flashing))
        self.assertEqual(batch.status, "in-progress")
        operation = self._rows(batch).get()
        self._set(operation, status="success", phase="done", next_run_at=None)
        settle_ended(operation)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def test_a_failure_outranks_the_cancel(self):
        ended = {"status": "failed", "phase": "done", "next_run_at": None}
        batch = self._cut_short(lambda found: self._rows(found).update(**ended))
        self.assertEqual(batch.status, "failed")

    def test_whoever_read_the_batch_before_its_cancel_stores_no_success(self):
        ended = {"status": "success", "phase": "done", "next_run_at": None}
        batch = self._cut_short(lambda found: self._rows(found).update(**ended))
        stale = type(batch).objects.get(pk=batch.pk)
        stale.status, stale.launched, stale.next_run_at = "in-progress", True, None
        stale.calculate_and_update_status()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def test_a_worker_that_was_about_to_launch_starts_nothing(self):
        build, _devices = self._many(2)
        batch = launch_batch.create_batch(build, False)
        read_before = type(batch).objects.get(pk=batch.pk)
        cancel_batch(batch)
        launch_batch.launch_batch(read_before, False)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")
        self.assertEqual(self._statuses(batch), [])

    def test_a_cancel_between_the_beginning_and_the_first_chunk(self):
        build, _devices = self._many(2)
        batch = launch_batch.create_batch(build, False)
        related = launch_batch.launch_related

        def cancelled_before(found):
            cancel_batch(type(batch).objects.get(pk=batch.pk))
            related(found)

        with mock.patch.object(launch_batch, "launch_related", cancelled_before):
            launch_batch.launch_by_id(batch.pk, False)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")
        self.assertEqual(self._statuses(batch), [])
        launch_batch.continue_launches()
        self.assertNotIn(
            "batch_upgrade_operation", [call.args[0] for call in self.sent.mock_calls]
        )

    def test_a_launch_that_ran_out_of_time_is_no_success(self):
        build, _devices = self._many(2)
        batch = launch_batch.create_batch(build, False)
        insert = launch_batch.insert_operations

        def late(found, chunk):
            insert(found, chunk)
            raise SoftTimeLimitExceeded

        with (
            mock.patch.object(launch_batch, "CHUNK", 1),
            mock.patch.object(launch_batch, "insert_operations", late),
        ):
            launch_batch.launch_by_id(batch.pk, False)
        batch.refresh_from_db()
        self._end_all(batch, "success")
        batch.refresh_from_db()
        self.assertEqual(self._statuses(batch), ["success"])
        self.assertNotEqual(batch.status, "success")

    def test_a_batch_that_has_ended_is_refused(self):
        build, _devices = self._many(1)
        batch = self._launch(build)
        self._end_all(batch, "success")
        with self.assertRaisesMessage(ValueError, "success"):
            cancel_batch(batch)
        self.assertEqual(self._statuses(batch), ["success"])

    def test_a_batch_that_is_flashing_is_refused(self):
        build, _devices = self._many(1)
        batch = self._launch(build)
        self._rows(batch).update(phase="reboot", progress=65)
        with self.assertRaisesMessage(ValueError, "reflashing has already started"):
            cancel_batch(batch)
        self.assertEqual(self._statuses(batch), ["in-progress"])

    def test_statements_do_not_grow_with_the_operations(self):
        build, _devices = self._many(200)
        batch = self._launch(build)
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(cancel_batch(batch).cancelled, 200)
        self.assertLessEqual(len(queries), 15)


class TestRetry(BatchActionsMixin, TestCase):
    def _ended(self, *statuses):
        build, devices = self._many(len(statuses))
        options = {"n": True}
        batch = self._launch(build, upgrade_options=options)
        for operation, status in zip(self._rows(batch), statuses, strict=True):
            self._set(operation, status=status, phase="done", next_run_at=None, log="x")
        batch.calculate_and_update_status()
        return batch, devices

    def test_what_ended_without_success_gets_a_new_operation(self):
        batch, _devices = self._ended("success", "failed", "aborted", "cancelled")
        before = list(self._rows(batch).order_by("pk").values())
        user = get_user_model().objects.create(username="admin", is_superuser=True)
        retried = retry_batch(batch, created_by=user)
        self.assertNotEqual(retried.pk, batch.pk)
        self.assertEqual(self._statuses(retried), ["in-progress"] * 3)
        failed = self._rows(batch).exclude(status="success")
        self.assertEqual(
            set(self._rows(retried).values_list("device", "image")),
            set(failed.values_list("device", "image")),
        )
        retried.refresh_from_db()
        self.assertTrue(retried.launched)
        self.assertIsNone(retried.next_run_at)
        self.assertEqual(retried.status, "in-progress")
        self.assertEqual(retried.build, batch.build)
        self.assertEqual(retried.upgrade_options, {"n": True})
        for operation in self._rows(retried):
            self.assertEqual(operation.upgrade_options, {"n": True})
            self.assertEqual(operation.created_by, user)
        self.assertEqual(list(self._rows(batch).order_by("pk").values()), before)

    def test_one_message_wakes_workers_once_committed(self):
        batch, _devices = self._ended("failed", "failed")
        self.sent.reset_mock()
        with self.captureOnCommitCallbacks(execute=True):
            retried = retry_batch(batch)
            self.sent.assert_not_called()
        self.sent.assert_called_once_with("resume_upgrades")
        woken = mock.patch.object(wakeups, "upgrade", return_value=True)
        with woken as woken:
            resume_operations.resume_operations()
        woken = {call.args[0] for call in woken.call_args_list}
        self.assertEqual(woken, set(self._rows(retried).values_list("pk", flat=True)))

    def test_a_lost_message_loses_no_operation(self):
        batch, _devices = self._ended("failed")
        self.sent.return_value = False
        with self.captureOnCommitCallbacks(execute=True):
            retried = retry_batch(batch)
        operation = self._rows(retried).get()
        self.assertIsNotNone(leases.claim(operation.pk, 0, seconds=5))

    def test_a_device_that_cannot_be_upgraded_now_says_why(self):
        batch, devices = self._ended("failed", "failed")
        devices[0].deviceconnection_set.all().delete()
        retried = retry_batch(batch)
        self.assertEqual(self._statuses(retried), ["aborted", "in-progress"])

    def test_operations_without_image_are_left_out(self):
        batch, _devices = self._ended("failed", "failed")
        self._set(self._rows(batch).first(), image=None)
        self.assertEqual(len(self._statuses(retry_batch(batch))), 1)

    def test_a_successful_batch_is_refused(self):
        batch, _devices = self._ended("success")
        with self.assertRaisesMessage(ValueError, "nothing to retry"):
            retry_batch(batch)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 1)

    def test_one_operation(self):
        batch, devices = self._ended("failed", "failed")
        operation = self._rows(batch).get(device=devices[1])
        retried = retry_operation(operation)
        found = self._rows(retried).get()
        self.assertEqual(found.device, devices[1])
        self.assertEqual(found.image, operation.image)
        self.assertEqual(found.upgrade_options, {"n": True})
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.log), ("failed", "x"))
        with self.assertRaisesMessage(ValueError, str(found.pk)):
            retry_operation(operation)

    def test_operations_that_cannot_be_retried(self):
        batch, _devices = self._ended("success", "in-progress", "failed")
        for status in ("success", "in-progress"):
            with self.assertRaisesMessage(ValueError, status):
                retry_operation(self._rows(batch).get(status=status))
        operation = self._rows(batch).get(status="failed")
        operation.image = None
        with self.assertRaisesMessage(ValueError, "image was deleted"):
            retry_operation(operation)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 1)

    def test_a_retry_that_breaks_leaves_nothing(self):
        batch, _devices = self._ended("failed", "failed")
        model = load_model("DeviceFirmware")
        with (
            mock.patch.object(model.objects, "bulk_create", side_effect=OSError),
            self.assertRaises(OSError),
        ):
            retry_batch(batch)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 1)
        self.assertEqual(load_model("UpgradeOperation").objects.count(), 2)

    @tag("heavy")
    def test_two_thousand_operations_cost_few_statements_and_one_message(self):
        batch, _devices = self._ended(*["failed"] * 2000)
        before = list(self._rows(batch).order_by("pk").values())
        self.sent.reset_mock()
        # what runs on commit counts too: receivers, live events, wake-ups
        with (
            mock.patch.object(transport, "run_coroutine_safely") as told,
            CaptureQueriesContext(connection) as queries,
            self.captureOnCommitCallbacks(execute=True),
        ):
            retried = retry_batch(batch)
        self.assertLessEqual(len(queries), STATEMENTS)
        self.sent.assert_called_once_with("resume_upgrades")
        self.assertLessEqual(told.call_count, MESSAGES)
        self.assertEqual(self._rows(retried).count(), 2000)
        self.assertEqual(list(self._rows(batch).order_by("pk").values()), before)


class TestDelete(BatchActionsMixin, TestCase):
    def test_finished_ones_are_deleted(self):
        build, _devices = self._many(2)
        batch = self._launch(build)
        self._end_all(batch, "failed")
        delete_operation(self._rows(batch).first())
        self.assertEqual(self._rows(batch).count(), 1)
        delete_batch(batch)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 0)
        self.assertEqual(load_model("UpgradeOperation").objects.count(), 0)
        self.assertEqual(load_any_model("config", "Device").objects.count(), 2)

    def test_unfinished_ones_are_refused(self):
        build, _devices = self._many(2)
        batch = self._launch(build)
        operation = self._rows(batch).first()
        with self.assertRaises(StillInProgress):
            delete_operation(operation)
        with self.assertRaises(StillInProgress):
            delete_batch(batch)
        self.assertEqual(self._rows(batch).count(), 2)

    def test_what_a_worker_tidies_up_is_refused(self):
        build, _devices = self._many(1)
        batch = self._launch(build)
        self._end_all(batch, "cancelled")
        operation = self._rows(batch).get()
        self._set(operation, lease_expires_at=operation.created)
        with self.assertRaises(StillInProgress):
            delete_operation(operation)
        with self.assertRaises(StillInProgress):
            delete_batch(batch)

    def test_a_batch_whose_launch_is_due_is_refused(self):
        build, _devices = self._many(1)
        batch = launch_batch.create_batch(build, False)
        with self.assertRaises(StillInProgress):
            delete_batch(batch)
