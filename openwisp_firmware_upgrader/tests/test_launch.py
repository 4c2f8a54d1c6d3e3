"""Mass upgrades: who gets an operation, at what cost, and how a batch ends."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.core.exceptions import ValidationError
from django.db import connection
from django.test import TestCase, TransactionTestCase, tag
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from swapper import load_model as load_any_model

from .. import settings as app_settings
from .. import tasks
from ..actions import launch_batch, resume_operations
from ..state import leases, wakeups
from ..swapper import load_model
from .base import TestUpgraderMixin

DEVICES = 2000
QUERIES = 400


class FleetMixin(TestUpgraderMixin):
    """Makes many devices at once."""

    def _many(self, number):
        """Returns a build 0.2 and the devices that run 0.1 of its category."""
        old = self._create_firmware_image(build=self._create_build(version="0.1"))
        build = self._create_build(version="0.2")
        self._create_firmware_image(build=build)
        owner = self._get_org()
        model = load_any_model("config", "Device")
        devices = model.objects.bulk_create(
            model(
                name=f"device-{index}",
                organization=owner,
                mac_address="02:00:00:"
                + ":".join(f"{index:06x}"[i : i + 2] for i in (0, 2, 4)),
                model=old.boards[0],
                key=f"{index:032x}",
                hardware_id=f"h{index}",
            )
            for index in range(number)
        )
        login = self._get_credentials(organization=None)
        connections = load_any_model("connection", "DeviceConnection")
        strategy = self._update_strategy()
        connections.objects.bulk_create(
            connections(
                device=device, credentials=login, update_strategy=strategy, enabled=True
            )
            for device in devices
        )
        firmware = load_model("DeviceFirmware")
        firmware.objects.bulk_create(
            firmware(device=device, image=old, installed=True) for device in devices
        )
        return build, devices

    def _update_strategy(self):
        return "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"

    def _launch(self, build, **kwargs):
        batch = launch_batch.create_batch(
            build, kwargs.pop("firmwareless", False), **kwargs
        )
        with mock.patch.object(tasks.upgrade_firmware, "delay"):
            batch.upgrade(firmwareless=batch.firmwareless)
        batch.refresh_from_db()
        return batch


@tag("heavy")
class TestLaunchBudget(FleetMixin, TestCase):
    def _queries(self, number):
        build, _devices = self._many(number)
        batch = launch_batch.create_batch(build, True)
        batch.refresh_from_db()
        # what runs on commit counts too: receivers, live events, wake-ups
        with (
            mock.patch.object(wakeups, "send", return_value=True) as send,
            CaptureQueriesContext(connection) as queries,
            self.captureOnCommitCallbacks(execute=True),
        ):
            batch.upgrade(firmwareless=True)
        self.assertEqual(send.call_count, number)
        self.assertEqual(batch.upgradeoperation_set.count(), number)
        return len(queries)

    def test_launching_two_thousand_devices(self):
        self.assertLessEqual(self._queries(DEVICES), QUERIES)

    def test_cost_of_a_launch_does_not_grow_with_its_devices(self):
        self.assertLessEqual(self._queries(400), 40)

    def test_loading_device_firmware_costs_no_query_per_row(self):
        self._many(50)
        model = load_model("DeviceFirmware")
        with self.assertNumQueries(1):
            self.assertEqual(len(list(model.objects.select_related("image"))), 50)


class TestLaunch(FleetMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(wakeups, "send", return_value=True)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _statuses(self, batch):
        return sorted(batch.upgradeoperation_set.values_list("status", flat=True))

    def test_devices_get_one_operation_each(self):
        build, devices = self._many(3)
        batch = self._launch(build)
        self.assertTrue(batch.launched)
        self.assertEqual(batch.status, "in-progress")
        found = batch.upgradeoperation_set.values_list("device_id", flat=True)
        self.assertEqual(set(found), {device.pk for device in devices})
        for row in batch.upgradeoperation_set.all():
            self.assertIsNotNone(row.next_run_at)
        firmware = load_model("DeviceFirmware").objects
        self.assertEqual(
            firmware.filter(image__build=build, installed=False).count(), 3
        )

    def test_launching_twice_adds_nothing(self):
        build, _devices = self._many(3)
        batch = self._launch(build)
        type(batch).objects.filter(pk=batch.pk).update(launched=False)
        batch.refresh_from_db()
        batch.upgrade(firmwareless=False)
        self.assertEqual(batch.upgradeoperation_set.count(), 3)

    def test_one_bad_device_does_not_stop_the_others(self):
        build, devices = self._many(4)
        devices[0].deviceconnection_set.all().delete()
        model = load_any_model("config", "Device")
        model.objects.filter(pk=devices[1].pk).update(model="Another model")
        running = load_model("UpgradeOperation").objects.create(
            device=devices[2], image=build.firmwareimage_set.get()
        )
        batch = self._launch(build)
        self.assertEqual(self._statuses(batch), ["aborted"] * 3 + ["in-progress"])
        reasons = {
            row.device_id: row.log
            for row in batch.upgradeoperation_set.filter(status="aborted")
        }
        self.assertIn("connection", reasons[devices[0].pk])
        self.assertIn("model", reasons[devices[1].pk])
        self.assertIn(str(running.pk), reasons[devices[2].pk])
        untouched = load_model("DeviceFirmware").objects.filter(
            device__in=[device.pk for device in devices[:3]], image__build=build
        )
        self.assertFalse(untouched.exists())

    def test_launch_that_died_in_the_middle_is_completed(self):
        build, devices = self._many(7)
        batch = launch_batch.create_batch(build, False)
        with (
            mock.patch.object(launch_batch, "CHUNK", 3),
            mock.patch.object(
                launch_batch,
                "insert_operations",
                side_effect=die_after(2, launch_batch.insert_operations),
            ),
            self.assertRaises(KeyboardInterrupt),
        ):
            batch.upgrade(firmwareless=False)
        self.assertEqual(batch.upgradeoperation_set.count(), 6)
        batch.refresh_from_db()
        self.assertFalse(batch.launched)
        type(batch).objects.filter(pk=batch.pk).update(next_run_at=timezone.now())
        wakeups.send.reset_mock()
        resume_operations.resume_operations()
        wakeups.send.assert_any_call("batch_upgrade_operation", str(batch.pk), False)
        launch_batch.launch_by_id(batch.pk, False)
        batch.refresh_from_db()
        self.assertTrue(batch.launched)
        ids = list(batch.upgradeoperation_set.values_list("device_id", flat=True))
        self.assertEqual(sorted(ids), sorted(device.pk for device in devices))

    def test_batch_ends_with_its_last_operation(self):
        build, _devices = self._many(2)
        batch = self._launch(build)
        first, second = batch.upgradeoperation_set.all()
        first.cancel()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "in-progress")
        second.status = "failed"
        second.save()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "failed")

    def test_batch_with_nothing_to_do_is_refused(self):
        build = self._create_build(version="0.3")
        with self.assertRaises(ValidationError):
            launch_batch.create_batch(build, True)

    def test_devices_of_other_organizations_are_left_alone(self):
        build, _devices = self._many(2)
        other = self._create_org(name="other", slug="other")
        theirs = self._create_device(
            organization=other,
            model=build.firmwareimage_set.get().boards[0],
            mac_address="02:11:11:11:11:11",
        )
        self._create_config(device=theirs)
        batch = self._launch(build, firmwareless=True)
        found = batch.upgradeoperation_set.filter(device=theirs)
        self.assertFalse(found.exists())

    def test_group_limits_the_launch(self):
        build, devices = self._many(3)
        group = self._create_device_group()
        model = load_any_model("config", "Device")
        model.objects.filter(pk=devices[0].pk).update(group=group)
        batch = self._launch(build, group=group)
        self.assertEqual(batch.upgradeoperation_set.count(), 1)

    def test_broker_that_is_down_fails_nobody(self):
        mock.patch.stopall()
        build, _devices = self._many(2)
        with (
            mock.patch.object(
                wakeups, "current_app", mock.Mock(**{"conf.task_always_eager": False})
            ),
            mock.patch.object(
                tasks.batch_upgrade_operation, "delay", side_effect=OSError("down")
            ),
            self.assertLogs(wakeups.logger, "WARNING"),
        ):
            batch = launch_batch.create_batch(build, False)
        batch.refresh_from_db()
        self.assertIsNotNone(batch.next_run_at)

    def _due_in(self, rows):
        due = rows.values_list("next_run_at", flat=True).get()
        return (due - timezone.now()).total_seconds()

    def test_launch_whose_worker_died_at_once_goes_on_after_a_lease(self):
        batch = launch_batch.create_batch(self._many(2)[0], False)
        rows = type(batch).objects.filter(pk=batch.pk)
        died = mock.patch.object(
            launch_batch, "insert_operations", side_effect=KeyboardInterrupt
        )
        with died, self.assertRaises(KeyboardInterrupt):
            batch.upgrade(firmwareless=False)
        self.assertLessEqual(self._due_in(rows), leases.lease_seconds())

    def test_clock_of_the_worker_does_not_decide_when_operations_are_due(self):
        batch = launch_batch.create_batch(self._many(1)[0], False)
        tomorrow = timezone.now() + timedelta(days=1)
        with mock.patch("django.utils.timezone.now", return_value=tomorrow):
            batch.upgrade(firmwareless=False)
        rows = batch.upgradeoperation_set
        stamp = leases.STAMP.total_seconds()
        self.assertLessEqual(self._due_in(rows), stamp + 1)

    def test_launch_the_broker_lost_is_due_once_its_queue_is_empty(self):
        batch = launch_batch.create_batch(self._many(1)[0], False)
        rows = type(batch).objects.filter(pk=batch.pk)
        future = timezone.now() + timedelta(minutes=4)
        ago = timezone.now() - timedelta(seconds=3 * leases.tick_seconds())
        for empty, created, due in (
            (False, ago, False),
            (True, timezone.now(), False),
            (True, ago, True),
        ):
            with self.subTest(empty=empty, due=due):
                rows.update(next_run_at=future, created=created)
                with mock.patch.object(wakeups, "queue_is_empty", return_value=empty):
                    resume_operations._void_lost_stamps()
                self.assertEqual(self._due_in(rows) <= 0, due)

    def test_launch_begun_by_a_worker_that_died_is_due_again(self):
        """Seed 33292: the wake-up of the scan was lost as well."""
        batch = launch_batch.create_batch(self._many(1)[0], False)
        rows = type(batch).objects.filter(pk=batch.pk)
        for seconds, due in ((leases.lease_seconds() - 1, False), (235, True)):
            rows.update(status="in-progress", next_run_at=later_by(seconds))
            with (
                self.subTest(seconds=seconds),
                mock.patch.object(wakeups, "queue_is_empty", return_value=True),
            ):
                resume_operations._void_lost_stamps()
                self.assertEqual(self._due_in(rows) <= 0, due)

    def test_wake_ups_the_broker_lost_are_repeated(self):
        batch = launch_batch.create_batch(self._many(1)[0], False)
        batch.upgrade(firmwareless=False)
        rows = batch.upgradeoperation_set.all()
        new = rows.values("phase", "runs", "modified", "lease_expires_at").get()
        ago = later_by(-60)
        often = {"retry_backoff": 1, "retry_backoff_max": 60}
        rare = {"retry_backoff": 1, "retry_backoff_max": 600}
        for case, lost, options, fields in (
            ("new", True, rare, {}),
            ("left by a worker", True, rare, {"runs": 2, "phase": "upload"}),
            ("due again", True, often, {"runs": 1, "modified": ago}),
            ("waits for its attempt", False, rare, {"runs": 1, "modified": ago}),
            ("busy", False, rare, {"phase": "upload", "next_run_at": later_by(3)}),
            ("held", False, rare, {"lease_expires_at": later_by(60)}),
            ("rebooting", False, rare, {"runs": 1, "phase": "reboot"}),
        ):
            rows.update(**{**new, "next_run_at": later_by(235), **fields})
            with (
                self.subTest(case),
                mock.patch.object(app_settings, "RETRY_OPTIONS", options),
                mock.patch.object(wakeups, "queue_is_empty", return_value=True),
            ):
                resume_operations._void_lost_stamps()
                self.assertEqual(self._due_in(rows) <= 0, lost)


def later_by(seconds):
    """Returns a time in the future."""
    return timezone.now() + timedelta(seconds=seconds)


def die_after(calls, real):
    """Returns a side effect: the real thing so many times, then a dead worker."""
    done = []

    def insert(*args):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(args)
        return real(*args)

    return insert
