"""Histories of devices, and of pages that get the same guard."""

from __future__ import annotations

import reversion
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404
from django.test import RequestFactory, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from reversion.admin import VersionAdmin
from swapper import load_model as load_any_model

from ..admin import guard_versions
from ..swapper import load_model
from .pages import page_data
from .test_admin_versions import VersionPagesMixin, stored

User = get_user_model()
Device = load_any_model("config", "Device")
DeviceLocation = load_any_model("geo", "DeviceLocation")
DeviceFirmware = load_model("DeviceFirmware")


def _as_stored(operation):
    return type(operation).objects.get(pk=operation.pk)


def _assert_same(test, found, expected):
    test.assertEqual(*({**row, "_state": None} for row in (found, expected)))


class TestDeviceVersions(VersionPagesMixin, TestCase):
    """Row S1 on the pages of devices, which this app extends."""

    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.device = self.env["d1"]

    def _recover(self, version, model=Device):
        return super()._recover(version, model)

    def _history(self, version, pk=None, model=Device):
        return super()._history(version, pk, model)

    def _foreign_device(self):
        return self._create_device(
            name="theirs-old",
            organization=self.foreign,
            mac_address="00:00:00:00:00:99",
        )

    def test_s1_user_does_not_become_superuser_by_an_old_version(self):
        self._changed(self.user, is_superuser=True)
        (version,) = stored(self.user)
        self._changed(self.user, is_superuser=False)
        self._refused(
            self._recover(version),
            self._history(version),
            self._history(version, self.device.pk),
        )
        self.user.refresh_from_db()
        self.assertIs(self.user.is_superuser, False)

    def test_s1_foreign_device_is_neither_changed_nor_restored(self):
        device = self._foreign_device()
        (version,) = stored(device)
        urls = (
            self._recover(version),
            self._history(version),
            self._history(version, self.device.pk),
        )
        self._changed(device, name="new")
        self._refused(*urls)
        device.refresh_from_db()
        self.assertEqual(device.name, "new")
        device.delete(check_deactivated=False)
        self._refused(*urls)
        self.assertFalse(Device.objects.filter(organization=self.foreign))

    def test_s1_category_page_restores_no_device_and_the_other_way_round(self):
        category = self._create_category(name="a category")
        (of_device, *_rest), (of_category,) = stored(self.device), stored(category)
        self._refused(
            super()._recover(of_device),
            super()._history(of_device, category.pk),
            self._recover(of_category),
            self._history(of_category, self.device.pk),
        )

    def test_s1_device_that_moved(self):
        device = self._foreign_device()
        (before,) = stored(device)
        self._changed(device, organization=self._get_org(), name="ours")
        (ours,) = stored(device)
        self._refused(self._history(before), self._recover(before))
        self._changed(device, organization=self.foreign, name="theirs-again")
        self._refused(self._history(ours), self._recover(ours))
        device.refresh_from_db()
        self.assertEqual(device.name, "theirs-again")

    def test_s1_device_that_moved_and_was_deleted(self):
        # its key is still known to the router, which would report here again
        device = self._create_device(
            name="ours",
            organization=self._get_org(),
            mac_address="00:00:00:00:00:99",
        )
        (ours,) = stored(device)
        self.assertEqual(self.client.get(self._history(ours)).status_code, 200)
        self._changed(device, organization=self.foreign, name="theirs")
        stored(device)
        device.delete(check_deactivated=False)
        self._refused(self._recover(ours))
        self.assertFalse(Device.objects.filter(pk=ours.object_id).exists())

    def test_s1_revision_with_a_device_of_somebody_else(self):
        other = self._foreign_device()
        version, *_others = stored(self.device, other)
        self._changed(other, name="theirs-new")
        self._refused(self._history(version), self._recover(version))
        other.refresh_from_db()
        self.assertEqual(other.name, "theirs-new")

    def test_s1_rows_of_a_refused_revision_are_not_read(self):
        other = self._foreign_device()
        version, *_others = stored(self.device, other)
        url = self._history(version)
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.client.post(url).status_code, 404)
        table = Device._meta.db_table
        asked = [query["sql"] for query in queries if f'FROM "{table}"' in query["sql"]]
        self.assertTrue(asked)
        for pk in (str(other.pk), other.pk.hex):
            self.assertFalse([sql for sql in asked if pk in sql])

    def test_s1_operation_of_a_foreign_mass_upgrade_is_not_deleted(self):
        (version,) = stored(self.device)
        theirs = self._create_category(name="theirs", organization=self.foreign)
        build = self._create_build(category=theirs, version="1")
        batch = load_model("BatchUpgradeOperation").objects.create(build=build)
        operation = self._operation(self.env, batch=batch, status="success")
        self.assertEqual(self._confirmed(self._history(version)).status_code, 302)
        self.assertTrue(type(operation).objects.filter(pk=operation.pk).exists())

    def test_s1_image_that_is_foreign_by_now_is_not_linked_again(self):
        row = self.env["device_fw1"]
        (version,) = stored(self.device)
        self._changed(row, image=self.env["image2a"])
        self._changed(self.env["category"], organization=self.foreign)
        self._refused(self._history(version))
        row.refresh_from_db()
        self.assertEqual(row.image, self.env["image2a"])

    def test_s1_what_goes_with_a_deleted_row_must_be_managed(self):
        (version,) = stored(self.device)
        location = self._create_location(type="outdoor", address="here")
        self._place(self.device, location)
        other = self._foreign_device()
        place = self._place(other, location)
        self._refused(self._history(version))
        self.assertTrue(DeviceLocation.objects.filter(pk=place.pk).exists())
        place.delete()
        self.assertEqual(self._confirmed(self._history(version)).status_code, 302)

    def test_s1_what_would_lose_a_reference_must_be_managed(self):
        (version,) = stored(self.device)
        location = self._create_location(type="outdoor", address="here")
        self._place(self.device, location)
        theirs = self._create_category(name="theirs", organization=self.foreign)
        build = self._create_build(category=theirs, version="1")
        batch = load_model("BatchUpgradeOperation").objects.create(
            build=build, location=location
        )
        self._refused(self._history(version))
        batch.refresh_from_db()
        self.assertEqual(batch.location, location)

    def test_s1_group_that_is_foreign_by_now_is_neither_shown_nor_linked(self):
        group = self._create_device_group(name="a secret name")
        self._changed(self.device, group=group)
        (version,) = stored(self.device)
        self._changed(self.device, group=None)
        self.assertEqual(self.client.get(self._history(version)).status_code, 200)
        self._changed(group, organization=self.foreign)
        self._refused(self._history(version))

    def test_s1_template_that_is_foreign_by_now_is_not_linked(self):
        template = self._create_template(organization=self._get_org())
        self.device.config.templates.add(template)
        (version,) = stored(self.device)
        self.device.config.templates.remove(template)
        self._changed(template, organization=self.foreign)
        self._refused(self._history(version))

    def test_s1_operator_does_not_revert_firmware_that_is_only_shown(self):
        self.client.force_login(self._create_operator([self._get_org()]))
        (version,) = stored(self.device)
        self._changed(self.device, name="new")
        url = self._history(version)
        self.assertEqual(self._confirmed(url).status_code, 302)
        row = self.env["device_fw1"]
        self._changed(row, image=self.env["image2a"])
        data = page_data(self.client.get(url))
        self.assertEqual(self.client.post(url, data).status_code, 403)
        row.refresh_from_db()
        self.assertEqual(row.image, self.env["image2a"])
        self._changed(row, image=self.env["image1a"])
        # nothing is added either
        (with_firmware,) = stored(self.device)
        row.delete()
        url = self._history(with_firmware)
        self.assertEqual(self.client.post(url, data).status_code, 403)
        self.assertFalse(DeviceFirmware.objects.filter(device=self.device))

    def _goes_back_to_what_is_gone(self, url, gone):
        """Asserts that a version which refers to what is gone says so."""
        names = list(Device.objects.order_by("pk").values_list("pk", "name"))
        type(gone).objects.get(pk=gone.pk).delete()
        page = self.client.get(url)
        response = self.client.post(url, page_data(page), follow=True)
        self.assertContains(response, "refers to does not exist any more")
        found = list(Device.objects.order_by("pk").values_list("pk", "name"))
        self.assertEqual(found, names)

    def test_s1_version_that_refers_to_what_is_gone(self):
        group = self._create_device_group(name="a group")
        login = self.device.deviceconnection_set.get().credentials
        gone = {
            "image": self.env["build1"],
            "group": group,
            "credentials": login,
        }
        self._changed(self.device, group=group)
        for user in ("administrator", "admin"):
            self._login(user)
            for name, obj in gone.items():
                with self.subTest(name, user=user), transaction.atomic():
                    self._changed(self.device, name="device1")
                    (version,) = stored(self.device)
                    self._changed(self.device, name="new")
                    self._goes_back_to_what_is_gone(self._history(version), obj)
                    transaction.set_rollback(True)

    def test_s1_recovery_of_what_refers_to_what_is_gone(self):
        (version,) = stored(self.device)
        self.device.delete(check_deactivated=False)
        url = self._recover(version)
        self._goes_back_to_what_is_gone(url, self.env["build1"])

    def test_s1_administrator_goes_back_to_an_earlier_version(self):
        self._place(self.device, self._create_location(type="outdoor", address="here"))
        (version,) = stored(self.device)
        models = {each._model for each in version.revision.version_set.all()}
        self.assertLessEqual({Device, DeviceFirmware, DeviceLocation}, models)
        self._changed(self.device, name="new")
        url = self._history(version)
        self.assertEqual(self.client.post(url).status_code, 200)
        self.device.refresh_from_db()
        self.assertEqual(self.device.name, "new")
        self.assertEqual(self._confirmed(url).status_code, 302)
        self.device.refresh_from_db()
        self.assertEqual(self.device.name, "device1")

    def test_s1_administrator_recovers_a_device_with_all_it_had(self):
        operation = self._operation(self.env, status="success")
        (version,) = stored(self.device)
        self.device.delete(check_deactivated=False)
        response = self._confirmed(self._recover(version))
        self.assertEqual(response.status_code, 302)
        device = Device.objects.get(pk=version.object_id)
        self.assertEqual(device.devicefirmware.image, self.env["image1a"])
        self.assertEqual(device.upgradeoperation_set.get().pk, operation.pk)

    def _stored_and_changed(self):
        (version,) = stored(self.device)
        self._changed(self.device, name="new")
        return self._history(version)

    def _assert_nothing_restored(self, url, *operations):
        before = [vars(operation) for operation in map(_as_stored, operations)]
        for user in ("administrator", "admin"):
            self._login(user)
            page = self.client.get(url)
            self.assertEqual(page.status_code, 200)
            for data in ({}, page_data(page)):
                response = self.client.post(url, data, follow=True)
                self.assertContains(response, "upgrade that is still in progress")
        self.device.refresh_from_db()
        self.assertEqual(self.device.name, "new")
        for operation, values in zip(operations, before, strict=True):
            _assert_same(self, vars(_as_stored(operation)), values)

    def test_s3_nothing_is_restored_during_an_upgrade(self):
        url = self._stored_and_changed()
        self._assert_nothing_restored(url, self._operation(self.env, progress=65))

    def test_s3_nothing_is_restored_while_a_cancelled_device_is_tidied_up(self):
        url = self._stored_and_changed()
        held = {"status": "cancelled", "lease_expires_at": timezone.now()}
        self._assert_nothing_restored(url, self._operation(self.env, **held))

    def test_s3_operation_that_was_in_progress_when_it_was_stored(self):
        operation = self._operation(self.env, progress=65)
        url = self._stored_and_changed()
        self._assert_nothing_restored(url, operation)
        # it has ended meanwhile: the old state is not written over its end
        type(operation).objects.filter(pk=operation.pk).update(
            status="success", progress=100, log="the end"
        )
        before = vars(_as_stored(operation))
        self.assertEqual(self._confirmed(url).status_code, 302)
        _assert_same(self, vars(_as_stored(operation)), before)
        self.device.refresh_from_db()
        self.assertEqual(self.device.name, "device1")

    def test_s3_operations_since_then_are_kept_and_deleted_ones_stay_so(self):
        deleted = self._operation(self.env, status="failed")
        url = self._stored_and_changed()
        deleted.delete()
        operation = self._operation(self.env, status="success")
        before = vars(_as_stored(operation))
        for user in ("administrator", "admin"):
            self._login(user)
            self._changed(self.device, name="new")
            self.assertEqual(self._confirmed(url).status_code, 302)
            self.device.refresh_from_db()
            self.assertEqual(self.device.name, "device1")
            self.assertEqual(self.device.upgradeoperation_set.get(), operation)
            _assert_same(self, vars(_as_stored(operation)), before)

    def test_s3_who_may_not_delete_operations_goes_back_all_the_same(self):
        url = self._stored_and_changed()
        self._operation(self.env, status="success")
        self.client.force_login(self._create_operator([self._get_org()]))
        self.assertEqual(self._confirmed(url).status_code, 302)
        self.assertEqual(self.device.upgradeoperation_set.count(), 1)

    def test_s1_superuser_is_held_to_the_model_only(self):
        device = self._foreign_device()
        (version,), (other,) = stored(device), stored(self.user)
        self._changed(device, name="new")
        self._login("admin")
        self._refused(
            self._recover(other), self._history(other), self._history(other, device.pk)
        )
        self.assertEqual(self._confirmed(self._history(version)).status_code, 302)
        device.refresh_from_db()
        self.assertEqual(device.name, "theirs-old")

    def test_s2_deleted_devices_are_listed_for_superusers_only(self):
        stored(self.device)
        self.device.delete(check_deactivated=False)
        url = self._page(Device, "recoverlist")
        self.assertEqual(self.client.get(url).status_code, 403)
        self._login("admin")
        self.assertContains(self.client.get(url), "device1")

    def test_s2_history_begins_where_the_device_moved(self):
        device = self._foreign_device()
        for remark, organization in (("theirs", self.foreign), ("ours", None)):
            self._changed(device, organization=organization or self._get_org())
            with reversion.create_revision():
                reversion.set_comment(f"a remark of {remark}")
                reversion.add_to_revision(device)
        page = self.client.get(self._page(Device, "history", device.pk))
        self.assertContains(page, "a remark of ours")
        self.assertNotContains(page, "a remark of theirs")


class TestOtherPages(VersionPagesMixin, TestCase):
    """Pages of other apps, which have the flaw unless somebody guards them."""

    def test_s1_guard_can_be_put_before_pages_of_other_apps(self):
        (version,) = stored(self.user)
        admins = [
            admin.site.get_model_admin(model)
            for model in apps.get_models()
            if admin.site.is_registered(model)
        ]
        admins = [each for each in admins if isinstance(each, VersionAdmin)]
        self.assertGreater(len(admins), 5)
        request = RequestFactory().post("/")
        request.user = self.user
        for each in admins:
            guarded = type("Guarded", (type(each),), {})
            guard_versions(guarded)
            before = guarded.__mro__
            guard_versions(guarded)
            self.assertEqual(guarded.__mro__, before)
            page = guarded(each.model, admin.site)
            with self.assertRaises((Http404, PermissionDenied), msg=each):
                page.recover_view(request, version.pk)
