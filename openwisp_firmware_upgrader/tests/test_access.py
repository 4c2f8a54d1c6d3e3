"""A device moves, a category changes hands: who sees and changes what then."""

from __future__ import annotations

from unittest import mock

from django.test import TestCase
from django.urls import reverse
from openwisp_notifications.swapper import load_model as load_notification_model
from swapper import load_model as load_any_model

from .. import tasks
from ..actions import launch_batch
from ..actions.cancel_batch import cancel_batch
from ..actions.insert_operations import Candidate, insert_operations
from ..actions.retry_operations import retry_batch, retry_operation
from ..selectors import access
from ..selectors.candidates import find_candidates
from ..selectors.devices import related_device_firmwares
from ..selectors.images import images_for_device
from ..state import wakeups
from ..swapper import load_model
from .base import change_url
from .test_admin import BaseTestAdmin

Device = load_any_model("config", "Device")
BatchUpgradeOperation = load_model("BatchUpgradeOperation")
Category = load_model("Category")
UpgradeOperation = load_model("UpgradeOperation")

# of the device whose operation nobody of the other organization may see
SECRETS = ("device2", "00:11:BB:22:CC:33", "foreign log")


class MovesMixin:
    """Makes a mass upgrade one of whose two devices belongs to somebody else.

    Subclasses tell how that comes; ``owner`` is the organization that has the
    category and the first device in the end, ``stranger`` has the second one.
    """

    def _hand_over(self, env):
        """Gives one device away; returns (owner, stranger)."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(wakeups, "send", return_value=True)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.other = self._create_org(name="other", slug="other")
        self.env = self._create_upgrade_env()
        self.batch = BatchUpgradeOperation.objects.create(
            build=self.env["build2"], status="in-progress", launched=True
        )
        for number, letter, log in ((1, "a", "own log"), (2, "b", "foreign log")):
            self.env[f"o{number}"] = UpgradeOperation.objects.create(
                device=self.env[f"d{number}"],
                image=self.env[f"image2{letter}"],
                batch=self.batch,
                log=log,
            )
        self.owner, self.stranger = self._hand_over(self.env)
        for name in ("d1", "d2"):
            self.env[name].refresh_from_db()
        self.batch = BatchUpgradeOperation.objects.get(pk=self.batch.pk)
        self.manager = self._create_administrator(
            [self.owner], username="keeper", email="keeper@example.org"
        )

    def _move(self, device, organization):
        Device.objects.filter(pk=device.pk).update(organization=organization)

    def _end(self, status="failed", **wanted):
        rows = UpgradeOperation.objects.filter(batch=self.batch, **wanted)
        rows.update(status=status, phase="done", next_run_at=None)

    def _status(self, name):
        self.env[name].refresh_from_db()
        return self.env[name].status


class DeviceMovesMixin(MovesMixin):
    """The second device moves to another organization."""

    def _hand_over(self, env):
        self._move(env["d2"], self.other)
        return self._get_org(), self.other


class CategoryMovesMixin(MovesMixin):
    """The category and the first device go to another organization."""

    def _hand_over(self, env):
        Category.objects.filter(pk=env["category"].pk).update(organization=self.other)
        self._move(env["d1"], self.other)
        return self.other, self._get_org()


class AccessTests:
    """What the manager of the category sees and does."""

    def setUp(self):
        super().setUp()
        self._login("keeper")

    def _batch_url(self, name):
        return self._url("batchupgradeoperation", name, self.batch.pk)

    def _sees_no_secrets(self, text):
        self.assertIn("device1", text)
        for secret in SECRETS:
            self.assertNotIn(secret, text)

    def test_s4_one_place_tells_whose_operations(self):
        found = access.operations_of(self.manager, batch=self.batch)
        self.assertEqual([o.pk for o in found], [self.env["o1"].pk])
        found = access.foreign_operations(self.manager, batch=self.batch)
        self.assertEqual([o.pk for o in found], [self.env["o2"].pk])
        for user in (None, self._get_admin()):
            self.assertEqual(access.operations_of(user, batch=self.batch).count(), 2)
            self.assertFalse(access.foreign_operations(user, batch=self.batch).exists())
            self.assertIsNone(access.organizations_of(user))
            self.assertTrue(access.manages(user, None))
        self.assertEqual(access.organizations_of(self.manager), {str(self.owner.pk)})
        self.assertTrue(access.manages(self.manager, self.owner.pk))
        self.assertFalse(access.manages(self.manager, self.stranger.pk))
        self.assertFalse(access.manages(self.manager, None))

    def test_s4_state_view_of_a_batch(self):
        both = {"id": [str(self.env["o1"].pk), str(self.env["o2"].pk)]}
        response = self.client.get(self._batch_url("state"), both)
        (message,) = response.json()["messages"]
        self.assertEqual(len(message["operations"]), 1)
        self.assertEqual(list(message["rows"]), [str(self.env["o1"].pk)])
        self.assertEqual(list(message["phases"]), [str(self.env["o1"].pk)])
        self.assertNotIn("foreign log", response.content.decode())
        self.assertEqual(message["batch_status"]["total"], 1)
        self.assertEqual(message["batch_status"]["counts"]["in-progress"], 1)
        self._login("admin")
        response = self.client.get(self._batch_url("state"), both)
        (message,) = response.json()["messages"]
        self.assertEqual(message["batch_status"]["total"], 2)
        self.assertEqual(len(message["operations"]), 2)

    def test_s4_totals_of_the_batch_page(self):
        self._end("success", device=self.env["d1"])
        self._end("failed", device=self.env["d2"])
        response = self.client.get(change_url(self.batch))
        self._sees_no_secrets(response.content.decode())
        self.assertContains(response, "1 out of 1")
        self.assertContains(response, "100.0%")
        self.assertEqual(response.context["summary"]["total"], 1)
        self.assertEqual(response.context["batch_facts"]["total"], 1)
        self.assertEqual(response.context["batch_facts"]["counts"]["failed"], 0)

    def test_s4_totals_of_the_batch_list(self):
        url = self._url("batchupgradeoperation", "changelist")
        self.assertContains(self.client.get(url), "0 out of 1")
        self._login("admin")
        self.assertContains(self.client.get(url), "0 out of 2")

    def test_s4_csv_of_a_batch(self):
        response = self.client.get(self._batch_url("csv"))
        lines = b"".join(response.streaming_content).decode()
        self._sees_no_secrets(lines)

    def test_s4_cancel_leaves_foreign_operations_alone(self):
        response = self.client.post(self._batch_url("cancel"), follow=True)
        self.assertContains(response, "1 upgrade was cancelled.")
        self.assertNotContains(response, "being flashed already")
        self.assertEqual(self._status("o1"), "cancelled")
        self.assertEqual(self._status("o2"), "in-progress")
        response = self.client.post(self._batch_url("cancel"), follow=True)
        self.assertContains(response, "belong to other organizations")
        self.assertEqual(self._status("o2"), "in-progress")
        found = cancel_batch(self.batch)
        self.assertEqual((found.cancelled, found.going_on), (1, 0))

    def test_s4_cancel_ends_the_launch(self):
        rows = BatchUpgradeOperation.objects.filter(pk=self.batch.pk)
        rows.update(launched=False)
        self._end(device=self.env["d1"])
        self.batch.refresh_from_db()
        found = cancel_batch(self.batch, self.manager)
        self.assertEqual((found.cancelled, found.going_on), (0, 0))
        self.assertTrue(rows.get().launched)
        self.assertEqual(self._status("o2"), "in-progress")

    def test_s4_retry_of_a_batch(self):
        self._end()
        response = self.client.post(self._batch_url("retry"), follow=True)
        again = response.context["original"]
        self.assertNotEqual(again.pk, self.batch.pk)
        (operation,) = UpgradeOperation.objects.filter(batch=again)
        self.assertEqual(operation.device, self.env["d1"])

    def test_s4_retry_with_nothing_that_is_ones_own(self):
        self._end("success", device=self.env["d1"])
        self._end("failed", device=self.env["d2"])
        response = self.client.post(self._batch_url("retry"), follow=True)
        self.assertContains(response, "belong to other organizations")
        # nor may the program: the device may not have that image any more
        with self.assertRaisesMessage(ValueError, "belong to other organizations"):
            retry_batch(self.batch)
        self.assertEqual(BatchUpgradeOperation.objects.count(), 1)

    def test_s4_retry_of_an_operation_whose_image_is_foreign(self):
        self._end()
        self._create_administrator(
            [self.stranger], username="stranger", email="stranger@example.org"
        )
        self._login("stranger")
        url = self._url("upgradeoperation", "retry", self.env["o2"].pk)
        response = self.client.post(url, follow=True)
        self.assertContains(response, "belongs to another organization than")
        self.env["o2"].refresh_from_db()
        with self.assertRaisesMessage(ValueError, "another organization"):
            retry_operation(self.env["o2"])
        self.assertEqual(BatchUpgradeOperation.objects.count(), 1)

    def test_s4_page_of_an_operation_does_not_name_a_foreign_batch(self):
        self._create_administrator(
            [self.stranger], username="stranger", email="stranger@example.org"
        )
        self._login("stranger")
        response = self.client.get(change_url(self.env["o2"]))
        self.assertEqual(response.status_code, 200)
        self.assertNotContains(response, str(self.batch))
        self.assertNotContains(response, change_url(self.batch))
        self.assertIsNone(response.context.get("batch"))

    def test_s4_candidates_of_a_build(self):
        self._end()
        url = self._url("build", "candidates", self.env["build2"].pk)
        for user in ("keeper", "admin"):
            self._login(user)
            found = self.client.get(url).json()
            self.assertEqual(found["counts"]["total"], 1)
            self._sees_no_secrets(found["html"])

    def test_s4_confirmation_of_a_launch(self):
        self._end()
        for user in ("keeper", "admin"):
            self._login(user)
            response = self._launch(self.env["build2"])
            self._sees_no_secrets(response.content.decode())
            self.assertEqual(response.context["related_count"], 1)

    def test_s4_selectors_keep_to_the_organization_of_the_category(self):
        build = load_model("Build").objects.get(pk=self.env["build2"].pk)
        found = related_device_firmwares(build)
        self.assertEqual([row.device for row in found], [self.env["d1"]])
        found = find_candidates(build).overview()
        self.assertEqual(list(found.organizations), [self.owner.name])

    def test_s4_launch_leaves_out_a_moved_device(self):
        self._end()
        build = load_model("Build").objects.get(pk=self.env["build2"].pk)
        firmware = self.env["device_fw2"].image
        batch = launch_batch.create_batch(build, True)
        with mock.patch.object(tasks.upgrade_firmware, "delay"):
            batch.upgrade(firmwareless=True)
        (operation,) = UpgradeOperation.objects.filter(batch=batch)
        self.assertEqual(operation.device, self.env["d1"])
        self.env["device_fw2"].refresh_from_db()
        self.assertEqual(self.env["device_fw2"].image, firmware)

    def test_s4_launch_leaves_out_a_device_that_moves_meanwhile(self):
        self._end()
        batch = BatchUpgradeOperation.objects.create(build=self.batch.build)
        chosen = [
            Candidate(self.env[f"d{n}"].pk, self.env[f"image2{letter}"])
            for n, letter in ((1, "a"), (2, "b"))
        ]
        insert_operations(batch, chosen)
        (operation,) = UpgradeOperation.objects.filter(batch=batch)
        self.assertEqual(operation.device, self.env["d1"])

    def test_s4_notification_counts_devices_of_the_organization(self):
        with self.captureOnCommitCallbacks(execute=True):
            # preferences of new users are made on commit
            told = self._create_administrator(
                [self.owner], username="told", email="told@example.org"
            )
        self._end("success")
        with self.captureOnCommitCallbacks(execute=True):
            self.batch.calculate_and_update_status()
        rows = load_notification_model("Notification").objects
        (row,) = rows.filter(recipient=told)
        self.assertEqual(row.data["total"], 1)


class TestDeviceMoved(AccessTests, DeviceMovesMixin, BaseTestAdmin, TestCase):
    """A device has moved to another organization."""

    def test_s4_moved_device_is_offered_its_own_images(self):
        theirs = self._create_firmware_image(
            build=self._create_build(
                category=self._create_category(
                    name="theirs", organization=self.stranger
                )
            ),
            type=self._types()[1],
        )
        found = images_for_device(self.env["d2"], self.env["device_fw2"])
        self.assertEqual(list(found), [theirs])
        self._login("admin")
        prefix = f"admin:{self.config_app_label}_device"
        page = self.client.get(reverse(f"{prefix}_change", args=[self.env["d2"].pk]))
        form = page.context["inline_admin_formsets"]
        (field,) = [
            row.fields["image"]
            for inline in form
            for row in inline.formset.initial_forms
            if row._meta.model is load_model("DeviceFirmware")
        ]
        self.assertEqual(list(field.queryset), [theirs])

    def test_s4_build_list_counts_ones_own_devices(self):
        rows = load_model("DeviceFirmware").objects
        rows.update(installed=True)
        url = self._url("build", "changelist")
        for user, expected in (("keeper", 1), ("admin", 2)):
            self._login(user)
            found = {
                build.version: build.number_of_devices
                for build in self.client.get(url).context["cl"].result_list
            }
            self.assertEqual(found["0.1"], expected)


class TestCategoryHandedOver(AccessTests, CategoryMovesMixin, BaseTestAdmin, TestCase):
    """A category belongs to another organization than it did."""

    def test_s4_group_and_location_stay_behind(self):
        group = self._create_device_group(
            organization=self.stranger, name="their group"
        )
        place = self._create_location(organization=self.stranger, name="their place")
        rows = BatchUpgradeOperation.objects.filter(pk=self.batch.pk)
        rows.update(group=group, location=place)
        response = self.client.get(change_url(self.batch))
        for secret in ("their group", "their place"):
            self.assertNotContains(response, secret)
        self._end()
        again = retry_batch(rows.get(), created_by=self.manager, user=self.manager)
        self.assertEqual((again.group, again.location), (None, None))
        self._login("admin")
        self.assertContains(self.client.get(change_url(self.batch)), "their group")
