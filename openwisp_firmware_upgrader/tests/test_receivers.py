"""What happens by itself: pairing, restored rows, menu; and who sees what."""

from __future__ import annotations

from django.core import serializers
from django.test import TestCase, TransactionTestCase
from django.urls import reverse
from openwisp_users.tests.utils import TestMultitenantAdminMixin

from ..swapper import get_model_name, load_model
from .base import TestUpgraderMixin, change_url
from .devices import FakeDeviceMixin

SYSTEM = "OpenWrt 23.05.5 r24106-10cc5fcd00"


class TestPairing(TestUpgraderMixin, TransactionTestCase):
    def _image(self):
        return self._create_firmware_image(build=self._create_build(os=SYSTEM))

    def _paired(self):
        return load_model("DeviceFirmware").objects

    def test_new_connection_pairs_the_device(self):
        image = self._image()
        self._create_device_with_connection(model=image.boards[0], os=SYSTEM)
        row = self._paired().get()
        self.assertEqual((row.image, row.installed), (image, True))
        self.assertFalse(load_model("UpgradeOperation").objects.exists())

    def test_new_image_pairs_the_devices_that_run_it(self):
        board = "TP-Link TL-WDR4300 v1"
        self._create_device_with_connection(model=board, os=SYSTEM)
        self.assertFalse(self._paired().exists())
        image = self._image()
        self.assertEqual(self._paired().get().image, image)

    def test_devices_that_run_something_else_are_left_alone(self):
        image = self._image()
        self._create_device_with_connection(model=image.boards[0], os="OpenWrt 1")
        self.assertFalse(self._paired().exists())

    def test_empty_system_never_pairs(self):
        build = self._create_build(os="")
        image = self._create_firmware_image(build=build)
        self._create_device_with_connection(model=image.boards[0], os="")
        self.assertFalse(self._paired().exists())


class TestRestored(FakeDeviceMixin, TransactionTestCase):
    def test_row_restored_in_progress_is_not_going_on(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        data = serializers.serialize("json", [operation])
        operation.delete()
        for restored in serializers.deserialize("json", data):
            restored.save()
        row = load_model("UpgradeOperation").objects.get()
        self.assertEqual((row.status, row.phase), ("aborted", "done"))
        self.assertIn("history", row.log)
        self.assertIsNone(row.next_run_at)


class TestAdmin(TestUpgraderMixin, TestMultitenantAdminMixin, TestCase):
    def _lists(self):
        for name in ("Build", "Category", "BatchUpgradeOperation"):
            yield reverse(
                f"admin:{get_model_name(name).lower().replace('.', '_')}_changelist"
            )

    def test_lists_answer_and_are_in_the_menu(self):
        self.client.force_login(self._get_admin())
        for url in self._lists():
            response = self.client.get(url)
            self.assertEqual(response.status_code, 200)
            self.assertContains(response, f'href="{url}"')

    def test_other_organizations_are_sealed_off(self):
        image = self._create_firmware_image()
        other = self._create_org(name="other", slug="other")
        user = self._create_administrator(organizations=[other])
        self.client.force_login(user)
        for url in self._lists():
            response = self.client.get(url)
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.context["cl"].result_count, 0)
        response = self.client.get(change_url(image.build))
        self.assertNotEqual(response.status_code, 200)
