"""Who is told about the end of upgrades, and how often."""

from __future__ import annotations

from unittest import mock

from django.test import TestCase, TransactionTestCase
from openwisp_notifications.swapper import load_model as load_notification_model
from openwisp_notifications.types import NOTIFICATION_TYPES
from openwisp_users.tests.utils import TestMultitenantAdminMixin
from swapper import load_model as load_any_model

from ..exceptions import FirmwareNotChanged
from ..reporting import notifications
from ..state.run import run_of
from ..state.settle_batch import settle_batch, settle_ended
from ..swapper import load_model
from .devices import FakeDeviceMixin, reached

Notification = load_notification_model("Notification")
NotificationSetting = load_notification_model("NotificationSetting")
IgnoreObjectNotification = load_notification_model("IgnoreObjectNotification")
UpgradeOperation = load_model("UpgradeOperation")
OrganizationUser = load_any_model("openwisp_users", "OrganizationUser")


class NotificationMixin(FakeDeviceMixin, TestMultitenantAdminMixin):
    def _people(self):
        """Makes a superuser and managers of two organizations."""
        with self.captureOnCommitCallbacks(execute=True):
            # preferences of new users are made on commit
            return self._create_people()

    def _create_people(self):
        other = self._create_org(name="other", slug="other")
        return {
            "superuser": self._get_admin(),
            "manager": self._create_administrator(organizations=[self._get_org()]),
            "stranger": self._create_administrator(
                organizations=[other], username="stranger", email="s@example.org"
            ),
        }

    def _told(self, **filters):
        rows = Notification.objects.filter(**filters)
        return sorted(rows.values_list("recipient__username", flat=True))

    def _launched(self, **kwargs):
        device, image = self._environment()
        return self._operation(device, image, **kwargs)

    def _end(self, operation, status="failed", lines=("The reason.",), outcome=None):
        run = run_of(operation)
        run.outcome = outcome
        with self.captureOnCommitCallbacks(execute=True):
            self.assertTrue(run.finish(status, lines=lines))


class TestOperations(NotificationMixin, TestCase):
    def test_types_are_registered(self):
        for name in notifications.TYPES:
            self.assertLessEqual(len(name), 30)
            self.assertTrue(NOTIFICATION_TYPES[name]["web_notification"])

    def test_failure_is_told_once_to_those_it_concerns(self):
        people = self._people()
        operation = self._launched()
        self._end(operation)
        self.assertEqual(
            self._told(type=notifications.FAILED),
            sorted([people["superuser"].username, people["manager"].username]),
        )
        row = Notification.objects.filter(recipient=people["manager"]).get()
        self.assertEqual((row.level, row.target), ("error", operation.device))
        self.assertIn("The reason.", row.message)
        self.assertIn(f"upgradeoperation/{operation.pk}/", row.message)
        self.assertIn("#upgradeoperation_set-group", row.message)
        self.assertIn(operation.device.name, row.email_subject)
        # ended once, told once
        with self.captureOnCommitCallbacks(execute=True):
            self.assertFalse(run_of(operation).finish("failed"))
        self.assertEqual(Notification.objects.count(), 2)

    def test_what_the_device_said_belongs_to_the_reason(self):
        self._people()
        operation = self._launched()
        self._end(operation, lines=["The device refused it: no room", "at all"])
        row = Notification.objects.filter(recipient__is_superuser=True).get()
        self.assertIn("The device refused it: no room at all", row.message)

    def test_success_and_cancel_are_not_told(self):
        self._people()
        self._end(self._launched(), "success")
        UpgradeOperation.objects.all().delete()
        operation = UpgradeOperation(
            device=load_any_model("config", "Device").objects.get(),
            image=load_model("FirmwareImage").objects.get(),
        )
        operation.save()
        with self.captureOnCommitCallbacks(execute=True):
            operation.cancel()
        self.assertFalse(Notification.objects.exists())

    def test_old_firmware_is_told_instead(self):
        self._people()
        error = FirmwareNotChanged("The device came back with the old firmware.")
        self._end(self._launched(), outcome=error)
        self.assertEqual(
            set(Notification.objects.values_list("type", flat=True)),
            {notifications.NOT_CHANGED},
        )
        self.assertIn("old firmware", Notification.objects.first().message)

    def test_launcher_who_does_not_manage_is_told_too(self):
        people = self._people()
        operator = self._create_operator()
        OrganizationUser.objects.create(user=operator, organization=self._get_org())
        self._end(self._launched(created_by=operator))
        told = {people["superuser"].username, people["manager"].username}
        self.assertEqual(self._told(), sorted([*told, operator.username]))

    def test_launcher_who_left_the_organization_is_told_nothing(self):
        people = self._people()
        self._end(self._launched(created_by=people["stranger"]))
        self.assertNotIn(people["stranger"].username, self._told())

    def test_launcher_who_manages_is_told_once(self):
        people = self._people()
        self._end(self._launched(created_by=people["manager"]))
        rows = Notification.objects.filter(recipient=people["manager"])
        self.assertEqual(rows.count(), 1)

    def test_muted_types_and_devices(self):
        people = self._people()
        operation = self._launched(created_by=people["manager"])
        setting = NotificationSetting.objects.get(
            user=people["manager"],
            type=notifications.FAILED,
            organization=self._get_org(),
        )
        setting.web = False
        setting.save()
        IgnoreObjectNotification.objects.create(
            user=people["superuser"], object=operation.device
        )
        self._end(operation)
        self.assertEqual(self._told(), [])

    def test_names_are_no_markup(self):
        self._people()
        operation = self._launched()
        line = "[x](javascript:alert(1)) <b>bold</b>"
        self._end(operation, lines=[line])
        message = Notification.objects.first().message
        self.assertNotIn('href="javascript', message)
        self.assertNotIn("<b>", message)

    def test_what_goes_wrong_does_not_reach_the_upgrade(self):
        operation = self._launched()
        send = "openwisp_firmware_upgrader.reporting.notifications.notify.send"
        with mock.patch(send, side_effect=OSError), self.assertLogs(level="ERROR"):
            self._end(operation)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "failed")


class TestBatches(NotificationMixin, TestCase):
    def _batch(self, statuses, category=None, **kwargs):
        category = category or self._get_category(organization=self._get_org())
        build = self._create_build(category=category, version="9")
        image = self._create_firmware_image(build=build)
        batch = load_model("BatchUpgradeOperation").objects.create(
            build=build, status="in-progress", launched=True, **kwargs
        )
        for number, status in enumerate(statuses):
            device = self._create_device(
                name=f"d{number}",
                mac_address=f"00:11:22:33:44:{number:02}",
                organization=self._get_org(),
            )
            operation = UpgradeOperation(device=device, image=image, batch=batch)
            operation.save()
            operation.wanted = status
            self.operations = [*getattr(self, "operations", []), operation]
        return batch

    def _end_all(self):
        for operation in self.operations:
            with self.captureOnCommitCallbacks(execute=True):
                run_of(operation).finish(operation.wanted)
                settle_ended(operation)

    def test_one_notification_with_counts_and_no_flood(self):
        people = self._people()
        batch = self._batch(["success", "failed", "failed", "aborted", "cancelled"])
        self._end_all()
        self.assertEqual(
            self._told(),
            sorted([people["superuser"].username, people["manager"].username]),
        )
        row = Notification.objects.get(recipient=people["manager"])
        self.assertEqual((row.type, row.level), (notifications.FINISHED, "warning"))
        self.assertIn("1 out of 5", row.message)
        self.assertIn("2 failed", row.message)
        self.assertIn(f"batchupgradeoperation/{batch.pk}/", row.message)
        # settled again, told no more; not when the counts change later either
        with self.captureOnCommitCallbacks(execute=True):
            settle_batch(batch)
            UpgradeOperation.objects.exclude(status="success").delete()
            settle_batch(batch)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "success")
        self.assertEqual(Notification.objects.count(), 2)

    def test_all_well(self):
        people = self._people()
        self._batch(["success"])
        self._end_all()
        row = Notification.objects.get(recipient=people["manager"])
        self.assertEqual(row.level, "success")

    def test_shared_batch_is_for_superusers(self):
        people = self._people()
        shared = self._create_category(name="shared", organization=None)
        self._batch(["success"], category=shared, created_by=people["stranger"])
        self._end_all()
        self.assertEqual(self._told(), [people["superuser"].username])


class TestUpgrades(NotificationMixin, TransactionTestCase):
    """The engine's own ends, with a device that exists in memory."""

    def test_device_that_comes_back_with_its_old_firmware(self):
        self._create_people()
        device, image = self._environment()
        fake = self._fake(device, faults=["back_with_old_firmware"])
        operation = self._operation(device, image)
        with reached(fake):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "failed", operation.log)
        types = list(Notification.objects.values_list("type", flat=True))
        self.assertEqual(types, [notifications.NOT_CHANGED] * 2)
        self.assertIn("old firmware", Notification.objects.first().message)
