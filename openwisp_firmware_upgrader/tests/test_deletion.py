"""What may be deleted: nothing that an upgrade needs, nothing of somebody else."""

from __future__ import annotations

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone
from openwisp_users.tests.utils import TestMultitenantAdminMixin

from ..swapper import load_model
from .base import TestUpgraderMixin

ACCOUNTS = ("administrator", "admin")


class DeletionMixin(TestMultitenantAdminMixin, TestUpgraderMixin):
    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.build = self.env["build2"]
        self.foreign = self._create_org(name="foreign", slug="foreign")
        self._get_admin()
        self._create_administrator([self._get_org()])

    def _login(self, username):
        self.client.login(username=username, password="tester")

    def _operation(self, **kwargs):
        options = {"device": self.env["d1"], "image": self.env["image2a"], **kwargs}
        return load_model("UpgradeOperation").objects.create(**options)

    def _batch(self, **kwargs):
        return load_model("BatchUpgradeOperation").objects.create(
            **{"build": self.build, "launched": True, "status": "failed", **kwargs}
        )

    def _route(self, name, *args):
        return reverse(f"upgrader:api_{name}_detail", args=args)

    def _doomed(self):
        """Returns image, build and category with their routes."""
        image, category = self.env["image2a"], self.env["category"]
        return {
            self._route("firmware", self.build.pk, image.pk): image,
            self._route("build", self.build.pk): self.build,
            self._route("category", category.pk): category,
        }

    def _page(self, obj, view="delete", *args):
        options = obj._meta
        name = f"admin:{options.app_label}_{options.model_name}_{view}"
        return reverse(name, args=args)

    def _is_there(self, obj):
        return type(obj).objects.filter(pk=obj.pk).exists()

    def _assert_refused_by_rest(self, url, obj, text):
        response = self.client.delete(url)
        self.assertEqual(response.status_code, 409, url)
        self.assertIn(text, response.json()["error"])
        self.assertTrue(self._is_there(obj))

    def _assert_refused_by_admin(self, obj, text, secret=None):
        url = self._page(obj, "delete", obj.pk)
        selected = {"action": "delete_selected", "_selected_action": str(obj.pk)}
        changelist = self._page(obj, "changelist")
        for response in (self.client.get(url), self.client.post(changelist, selected)):
            self.assertContains(response, text)
            self.assertTrue(response.context["perms_lacking"])
            if secret is not None:
                self.assertNotContains(response, secret)
        for address, data in ((url, {}), (changelist, selected)):
            response = self.client.post(address, {**data, "post": "yes"})
            self.assertEqual(response.status_code, 403)
        self.assertTrue(self._is_there(obj))


class TestDeletionUnderAnUpgrade(DeletionMixin, TestCase):
    """Row S6: one rule for REST and the admin."""

    def _assert_kept(self):
        for user in ACCOUNTS:
            self._login(user)
            for url, obj in self._doomed().items():
                with self.subTest(url, user=user):
                    self._assert_refused_by_rest(url, obj, "still in progress")
            for obj in (self.build, self.env["category"]):
                with self.subTest(obj, user=user):
                    self._assert_refused_by_admin(obj, "are in progress")
            with self.subTest("inline", user=user):
                response = self._post_build_without_image()
                self.assertContains(response, "an upgrade in progress installs it")
                self.assertTrue(self._is_there(self.env["image2a"]))

    def _post_build_without_image(self):
        image, build = self.env["image2a"], self.build
        data = {
            "category": str(build.category.pk),
            "version": build.version,
            "firmwareimage_set-TOTAL_FORMS": "1",
            "firmwareimage_set-INITIAL_FORMS": "1",
            "firmwareimage_set-0-id": str(image.pk),
            "firmwareimage_set-0-build": str(build.pk),
            "firmwareimage_set-0-DELETE": "on",
        }
        return self.client.post(self._page(build, "change", build.pk), data)

    def test_s6_rest_delete_during_an_upgrade(self):
        operation = self._operation()
        self._assert_kept()
        type(operation).objects.filter(pk=operation.pk).update(status="success")
        for url, obj in self._doomed().items():
            self.assertEqual(self.client.delete(url).status_code, 204)
            self.assertFalse(self._is_there(obj))

    def test_s6_rest_delete_during_an_upgrade_of_a_mass_upgrade(self):
        self._operation(batch=self._batch(status="in-progress"))
        self._assert_kept()

    def test_s6_rest_delete_while_a_device_is_tidied_up(self):
        self._operation(status="cancelled", lease_expires_at=timezone.now())
        self._assert_kept()

    def test_s6_rest_delete_while_a_mass_upgrade_is_launched(self):
        self._batch(status="idle", launched=False, next_run_at=timezone.now())
        self._assert_kept()

    def test_s6_launch_that_has_not_begun_is_kept_by_admin_and_rest(self):
        batch = self._batch(status="idle", launched=False, next_run_at=timezone.now())
        self._login("admin")
        url = self._route("batchupgradeoperation", batch.pk)
        self._assert_refused_by_rest(url, batch, "still in progress")
        url = self._page(batch, "delete", batch.pk)
        self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)
        selected = {"action": "delete_selected", "_selected_action": str(batch.pk)}
        url = self._page(batch, "changelist")
        response = self.client.post(url, {**selected, "post": "yes"}, follow=True)
        self.assertContains(response, "still in progress")
        self.assertTrue(self._is_there(batch))

    def test_s6_image_of_another_build_does_not_matter(self):
        self._operation(image=self.env["image1a"])
        self._login("administrator")
        url = self._route("build", self.build.pk)
        self.assertEqual(self.client.delete(url).status_code, 204)


class TestDeletionOfForeignRows(DeletionMixin, TestCase):
    """Row S4: what belongs to a device that moved away is not deleted with ours."""

    def _move(self, device):
        rows = type(device).objects.filter(pk=device.pk)
        rows.update(organization=self.foreign, name="a-secret-name")

    def _assert_only_superusers_delete(self, url, obj, foreign):
        self._login("administrator")
        self._assert_refused_by_rest(url, obj, "Ask a superuser")
        if not isinstance(obj, load_model("FirmwareImage")):
            text = "Ask a superuser"
            self._assert_refused_by_admin(obj, text, secret="a-secret-name")
        self.assertTrue(self._is_there(foreign))
        self._login("admin")
        if not isinstance(obj, load_model("FirmwareImage")):
            page = self.client.get(self._page(obj, "delete", obj.pk))
            self.assertContains(page, "a-secret-name")
        self.assertEqual(self.client.delete(url).status_code, 204)
        self.assertFalse(self._is_there(foreign))

    def test_s4_deletion_of_a_mass_upgrade_with_a_moved_device(self):
        batch = self._batch()
        operation = self._operation(batch=batch, status="failed")
        self._operation(batch=batch, status="failed", device=self.env["d2"])
        self._move(self.env["d1"])
        url = self._route("batchupgradeoperation", batch.pk)
        self._assert_only_superusers_delete(url, batch, operation)

    def test_s4_deletion_of_a_build_with_operations_of_a_moved_device(self):
        operation = self._operation(batch=self._batch(), status="failed")
        self._move(self.env["d1"])
        url = self._route("build", self.build.pk)
        self._assert_only_superusers_delete(url, self.build, operation)

    def test_s4_deletion_of_a_category_with_operations_of_a_moved_device(self):
        self.env["device_fw1"].delete()
        operation = self._operation(batch=self._batch(), status="failed")
        self._move(self.env["d1"])
        category = self.env["category"]
        url = self._route("category", category.pk)
        self._assert_only_superusers_delete(url, category, operation)

    def test_s4_deletion_of_an_image_that_a_moved_device_is_to_have(self):
        firmware, image = self.env["device_fw1"], self.env["image1a"]
        self._move(self.env["d1"])
        url = self._route("firmware", image.build.pk, image.pk)
        self._assert_only_superusers_delete(url, image, firmware)

    def test_s4_deletion_of_an_image_in_a_form(self):
        firmware, image = self.env["device_fw1"], self.env["image1a"]
        build = image.build
        self._move(self.env["d1"])
        data = {
            "category": str(build.category.pk),
            "version": build.version,
            "firmwareimage_set-TOTAL_FORMS": "1",
            "firmwareimage_set-INITIAL_FORMS": "1",
            "firmwareimage_set-0-id": str(image.pk),
            "firmwareimage_set-0-build": str(build.pk),
            "firmwareimage_set-0-DELETE": "on",
        }
        url = self._page(build, "change", build.pk)
        self._login("administrator")
        self.assertContains(self.client.post(url, data), "Ask a superuser")
        self.assertTrue(self._is_there(firmware))
        self._login("admin")
        self.assertEqual(self.client.post(url, data).status_code, 302)
        self.assertFalse(self._is_there(firmware))

    def test_s4_operation_without_mass_upgrade_only_loses_its_image(self):
        operation = self._operation(status="failed")
        self._move(self.env["d1"])
        self._login("administrator")
        image = self.env["image2a"]
        url = self._route("firmware", self.build.pk, image.pk)
        self.assertEqual(self.client.delete(url).status_code, 204)
        operation.refresh_from_db()
        self.assertIsNone(operation.image)
