"""Devices that were deleted come back with what belongs to them."""

from __future__ import annotations

import reversion
from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse
from reversion.models import Version
from swapper import load_model as load_any_model

from ..swapper import load_model
from .base import change_url
from .pages import page_data
from .test_admin_device import DevicePageMixin

Device = load_any_model("config", "Device")
DeviceConnection = load_any_model("connection", "DeviceConnection")
DeviceFirmware = load_model("DeviceFirmware")
UpgradeOperation = load_model("UpgradeOperation")


class TestRecover(DevicePageMixin, TestCase):
    def _deleted(self, installed=True, status="success"):
        device = self._create_device_with_connection(
            model="TP-Link TL-WDR4300 v1", organization=self._get_org()
        )
        row = self._create_device_firmware(device=device, device_connection=False)
        DeviceFirmware.objects.filter(pk=row.pk).update(installed=installed)
        operation = self._operation(device, row.image, status=status, runs=3)
        UpgradeOperation.objects.filter(pk=operation.pk).update(
            evidence={"boot_id": "x"}
        )
        call_command("createinitialrevisions", verbosity=0)
        UpgradeOperation.objects.filter(pk=operation.pk).update(status="failed")
        device.deactivate()
        if device._has_config():
            device.config.set_status_deactivated()
        name = f"admin:{Device._meta.app_label}_device_delete"
        response = self.client.post(reverse(name, args=[device.pk]), {"post": "yes"})
        self.assertEqual(response.status_code, 302)
        for model in (Device, DeviceConnection, DeviceFirmware, UpgradeOperation):
            self.assertFalse(model.objects.exists(), model)
        return device

    def _recover_url(self, device):
        version = Version.objects.get_deleted(Device).get(object_id=device.pk)
        name = f"admin:{Device._meta.app_label}_device_recover"
        return reverse(name, args=[version.pk])

    def test_models_are_registered(self):
        follow = reversion.revisions._get_options(Device).follow
        self.assertIn("devicefirmware", follow)
        self.assertIn("upgradeoperation_set", follow)
        follow = reversion.revisions._get_options(DeviceFirmware).follow
        self.assertEqual(list(follow), ["device"])
        fields = reversion.revisions._get_options(UpgradeOperation).fields
        self.assertIn("log", fields)
        for name in ("evidence", "runs", "lease_expires_at", "next_run_at"):
            self.assertNotIn(name, fields)

    def test_recovering_a_device(self):
        device = self._deleted()
        url = self._recover_url(device)
        page = self.client.get(url)
        self.assertContains(page, 'id="devicefirmware-group"')
        self.assertContains(page, 'id="upgradeoperation_set-group"')
        self.assertFalse(Device.objects.exists())
        response = self.client.post(url, page_data(page))
        self.assertEqual(self._errors(response), [])
        name = f"admin:{Device._meta.app_label}_device_changelist"
        self.assertRedirects(response, reverse(name))
        self.assertEqual(Device.objects.get().pk, device.pk)
        self.assertEqual(DeviceConnection.objects.count(), 1)
        self.assertTrue(DeviceFirmware.objects.get().installed)
        restored = UpgradeOperation.objects.get()
        self.assertEqual((restored.status, restored.phase), ("success", "done"))
        self.assertEqual((restored.runs, restored.evidence), (0, {}))

    def test_nothing_goes_on_by_recovering(self):
        device = self._deleted(installed=False, status="in-progress")
        url = self._recover_url(device)
        response = self.client.post(url, page_data(self.client.get(url)))
        self.assertEqual(self._errors(response), [])
        restored = UpgradeOperation.objects.get()
        self.assertEqual((restored.status, restored.phase), ("aborted", "done"))
        self.assertIsNone(restored.next_run_at)
        self.assertFalse(DeviceFirmware.objects.get().installed)

    def test_users_of_another_organization_see_nothing(self):
        device = self._deleted()
        url = self._recover_url(device)
        other = self._create_org(name="other", slug="other")
        self.client.force_login(self._create_administrator(organizations=[other]))
        response = self.client.get(url)
        self.assertNotContains(response, device.name, status_code=404)
        self.assertFalse(Device.objects.exists())

    def test_earlier_version_of_a_device(self):
        device = self._create_device_with_connection(
            model="TP-Link TL-WDR4300 v1", organization=self._get_org()
        )
        row = self._create_device_firmware(device=device, device_connection=False)
        call_command("createinitialrevisions", verbosity=0)
        response = self._submit(device, {"name": "renamed"})
        self.assertEqual(response.status_code, 302)
        version = Version.objects.get_for_object(device).last()
        name = f"admin:{Device._meta.app_label}_device_revision"
        url = reverse(name, args=[device.pk, version.pk])
        page = self.client.get(url)
        self.assertContains(page, 'id="devicefirmware-group"')
        response = self.client.post(url, page_data(page))
        self.assertEqual(self._errors(response), [])
        device.refresh_from_db()
        self.assertNotEqual(device.name, "renamed")
        self.assertEqual(DeviceFirmware.objects.get().image, row.image)
        self.assertEqual(self.client.get(change_url(device)).status_code, 200)
