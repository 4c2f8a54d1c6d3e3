"""The firmware tabs on the page of a device."""

from __future__ import annotations

import json
from datetime import timedelta
from unittest import mock

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.test import RequestFactory, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openwisp_users.tests.utils import TestMultitenantAdminMixin
from swapper import load_model as load_any_model

from .. import settings as app_settings
from .. import utils
from ..admin import (
    DeviceAdmin,
    DeviceFirmwareForm,
    DeviceFirmwareInline,
    DeviceFormSet,
    DeviceUpgradeOperationFormSet,
    DeviceUpgradeOperationInline,
    UpgradeOperationForm,
    UpgradeOperationInline,
)
from ..admin.shared.page_data import operation_cancel_url
from ..swapper import load_model
from ..upgraders.openwisp import OpenWrt
from .base import TestUpgraderMixin, change_url
from .pages import page_data

Device = load_any_model("config", "Device")
DeviceConnection = load_any_model("connection", "DeviceConnection")
DeviceFirmware = load_model("DeviceFirmware")
UpgradeOperation = load_model("UpgradeOperation")

# its texts are translated late
SCHEMA = json.loads(json.dumps(OpenWrt.SCHEMA, cls=DjangoJSONEncoder))
OPTIONS = {"c": True, "o": False, "n": False, "u": False, "p": False, "k": False}
SCHEMA_LINE = "<script>\nvar firmwareUpgraderSchema = {}\n"
IMAGE = "devicefirmware-0-image"


class DevicePageMixin(TestUpgraderMixin, TestMultitenantAdminMixin):
    def setUp(self):
        super().setUp()
        self.client.force_login(self._get_admin())

    def _page(self, device):
        response = self.client.get(change_url(device))
        self.assertEqual(response.status_code, 200)
        return response

    def _submit(self, device, changes, page=None):
        data = page_data(page or self._page(device))
        data.update(changes)
        data = {name: value for name, value in data.items() if value is not None}
        return self.client.post(change_url(device), data)

    def _errors(self, response):
        if response.status_code == 302:
            return []
        found = [response.context["adminform"].form.errors]
        for inline in response.context["inline_admin_formsets"]:
            found += [form.errors for form in inline.formset.forms]
            found += [inline.formset.non_form_errors()]
        return [errors for errors in found if errors]

    def _operation(self, device, image, **kwargs):
        operation = UpgradeOperation(device=device, image=image, **kwargs)
        operation.save()
        return operation

    def _new_row(self, image, **values):
        return {
            "devicefirmware-TOTAL_FORMS": 1,
            "devicefirmware-INITIAL_FORMS": 0,
            IMAGE: str(image.pk) if image else "",
            "devicefirmware-0-upgrade_options": "",
            **{f"devicefirmware-0-{name}": value for name, value in values.items()},
        }


class TestClasses(DevicePageMixin, TestCase):
    """Names and lists that derived apps and openwisp-monitoring build upon."""

    def test_inlines_are_conditional_in_this_order(self):
        found = [
            inline
            for inline in DeviceAdmin.conditional_inlines
            if inline in (DeviceFirmwareInline, DeviceUpgradeOperationInline)
        ]
        self.assertEqual(found, [DeviceFirmwareInline, DeviceUpgradeOperationInline])
        for inline in found:
            self.assertEqual(inline.sortable_options, {"disabled": True})
            self.assertEqual(inline.extra, 0)
            self.assertTrue(issubclass(inline, admin.StackedInline))

    def test_read_only_lists_are_the_same_objects(self):
        inline = DeviceUpgradeOperationInline
        self.assertIs(inline.readonly_fields, inline.fields)
        self.assertIs(
            UpgradeOperationInline.readonly_fields, UpgradeOperationForm.Meta.fields
        )

    def test_get_inlines_of_new_and_existing_devices(self):
        request = RequestFactory().get(reverse("admin:index"))
        page = DeviceAdmin(model=Device, admin_site=admin.site)
        self.assertNotIn(DeviceFirmwareInline, page.get_inlines(request, obj=None))
        env = self._create_upgrade_env()
        request = RequestFactory().get(change_url(env["d1"]))
        request.user = self._get_admin()
        found = page.get_inlines(request, obj=env["d1"])
        self.assertIn(DeviceFirmwareInline, found)
        self.assertNotIn(DeviceUpgradeOperationInline, found)
        self._operation(env["d2"], env["image1b"])
        found = page.get_inlines(request, obj=env["d1"])
        self.assertNotIn(DeviceUpgradeOperationInline, found)
        self._operation(env["d1"], env["image1a"])
        found = page.get_inlines(request, obj=env["d1"])
        self.assertEqual(
            found[-2:], [DeviceFirmwareInline, DeviceUpgradeOperationInline]
        )

    def test_inlines_do_not_depend_on_their_first_argument(self):
        request = RequestFactory().get("/")
        request.user = self._get_admin()
        device = self._create_device()
        page = DeviceAdmin(model=Device, admin_site=admin.site)
        for first in (Device, DeviceFirmware, page):
            inline = DeviceFirmwareInline(first, admin.site)
            self.assertTrue(inline._get_conditional_queryset(request, obj=device))
            DeviceUpgradeOperationInline(first, admin.site)

    def test_has_add_permission_on_direct_calls(self):
        request = RequestFactory().get("/")
        request.user = self._get_admin()
        inline = DeviceFirmwareInline(Device, admin.site)
        self.assertTrue(inline.has_add_permission(request, obj=None))
        device = self._create_device()
        self.assertTrue(inline.has_add_permission(request, obj=device))
        device.deactivate()
        self.assertFalse(inline.has_add_permission(request, obj=device))

    def test_recent_operations_of_a_bare_request(self):
        env = self._create_upgrade_env()
        old = self._operation(env["d1"], env["image1a"], status="failed")
        UpgradeOperation.objects.filter(pk=old.pk).update(
            created=timezone.now() - timedelta(days=8)
        )
        newer = [self._operation(env["d1"], env["image1a"], status="failed")]
        newer.insert(0, self._operation(env["d1"], env["image1a"]))
        self._operation(env["d2"], env["image1b"])
        inline = DeviceUpgradeOperationInline(Device, admin.site)
        request = RequestFactory().get(change_url(env["d1"]))
        self.assertEqual(list(inline.get_queryset(request)), newer)
        rows = inline.get_queryset(request, select_related=False)
        self.assertEqual(list(rows), newer)
        # where no device is named, the formset keeps to its own
        request = RequestFactory().get(reverse("admin:index"))
        self.assertEqual(inline.get_queryset(request).count(), 4)

    def test_formsets(self):
        self.assertTrue(issubclass(DeviceUpgradeOperationFormSet, DeviceFormSet))
        self.assertIs(DeviceFirmwareInline.formset, DeviceFormSet)
        request = RequestFactory().get("/")
        request.user = self._get_admin()
        env = self._create_upgrade_env()
        inline = DeviceFirmwareInline(Device, admin.site)
        formset = inline.get_formset(request, env["d1"])
        self.assertEqual(json.loads(formset.extra_context), SCHEMA)
        self.assertEqual(formset.upgrade_operation_cancel_url, operation_cancel_url())
        self.assertEqual(
            formset(instance=env["d1"]).get_form_kwargs(0)["device"], env["d1"]
        )
        with mock.patch.object(app_settings, "FIRMWARE_UPGRADER_API", False):
            formset = inline.get_formset(request, env["d1"])
        self.assertEqual(formset.upgrade_operation_cancel_url, "")

    def test_media(self):
        media = str(DeviceFirmwareInline(Device, admin.site).media)
        for name in ("upgrade-utils.js", "upgrade-progress.js", "upgrade-progress.css"):
            self.assertIn(f"/{name}", media)
        media = str(DeviceFirmwareForm(device=self._create_device()).media)
        for name in ("device-firmware.js", "device-firmware.css", "jquery.init.js"):
            self.assertIn(name, media)


class TestImageChoices(DevicePageMixin, TestCase):
    def _count(self, device, row=None):
        form = DeviceFirmwareForm(device=device, instance=row)
        return form.fields["image"].queryset.count()

    def test_existing_row_and_known_model(self):
        env = self._create_upgrade_env()
        other = self._create_category(name="other")
        build = self._create_build(category=other)
        self._create_firmware_image(build=build)
        images = DeviceFirmwareForm(
            device=env["d1"], instance=env["device_fw1"]
        ).fields["image"]
        self.assertEqual(set(images.queryset), {env["image1a"], env["image2a"]})

    def test_new_row_and_known_model(self):
        env = self._create_upgrade_env(device_firmware=False)
        other = self._create_category(name="other")
        self._create_firmware_image(build=self._create_build(category=other))
        self.assertEqual(self._count(env["d1"]), 3)
        shared = self._create_category(name="shared", organization=None)
        self._create_firmware_image(build=self._create_build(category=shared))
        self.assertEqual(self._count(env["d1"]), 4)

    def test_unknown_model(self):
        env = self._create_upgrade_env()
        Device.objects.filter(pk=env["d1"].pk).update(model="")
        env["d1"].refresh_from_db()
        self.assertEqual(self._count(env["d1"], env["device_fw1"]), 4)
        env["device_fw1"].delete()
        device = Device.objects.get(pk=env["d1"].pk)
        self.assertEqual(self._count(device), 4)

    def test_images_of_other_organizations_never(self):
        other = self._create_org(name="other", slug="other")
        category = self._create_category(name="foreign", organization=other)
        self._create_firmware_image(build=self._create_build(category=category))
        device = self._create_device(
            organization=self._get_org(), model="TP-Link TL-WDR4300 v1"
        )
        self.assertEqual(self._count(device), 0)

    def test_form_costs_no_query_per_image(self):
        env = self._create_upgrade_env()

        def render():
            with self.assertNumQueries(1):
                row = DeviceFirmware.objects.select_related(
                    "image__build__category"
                ).get(pk=env["device_fw1"].pk)
            with self.assertNumQueries(1):
                form = DeviceFirmwareForm(device=env["d1"], instance=row)
                return str(form["image"]).count("<option")

        self.assertEqual(render(), 3)
        for number in range(3, 9):
            build = self._create_build(category=env["category"], version=f"0.{number}")
            self._create_firmware_image(build=build)
        self.assertEqual(render(), 9)


class TestFirmwareTab(DevicePageMixin, TestCase):
    def test_add_page_has_no_tab(self):
        url = reverse(f"admin:{Device._meta.app_label}_device_add")
        response = self.client.get(url)
        self.assertNotContains(response, "devicefirmware")
        self.assertNotContains(response, "upgradeoperation_set")

    def test_page_of_a_device_without_firmware(self):
        device = self._create_device_with_connection()
        response = self._page(device)
        self.assertContains(response, 'id="devicefirmware-group"')
        self.assertContains(response, 'id="id_devicefirmware-MAX_NUM_FORMS"')
        self.assertNotContains(response, "upgradeoperation_set")
        self.assertNotContains(response, "Recent Firmware Upgrades")
        self.assertContains(response, SCHEMA_LINE.format(json.dumps(SCHEMA)))
        host = 'owFirmwareUpgraderApiHost = {"host": "testserver"}'
        self.assertContains(response, host)

    def test_heading_names_device_and_image(self):
        env = self._create_upgrade_env()
        response = self._page(env["d1"])
        name = f"{env['d1']}: {env['image1a']}"
        self.assertContains(response, f'<span class="inline_label">{name}')
        self.assertNotContains(response, "DeviceFirmware object")

    def test_name_of_a_row_costs_no_query(self):
        env = self._create_upgrade_env()
        pk = env["device_fw1"].pk
        bare = DeviceFirmware.objects.get(pk=pk)
        half = DeviceFirmware.objects.select_related("device", "image").get(pk=pk)
        names = ("device", "image__build__category")
        whole = DeviceFirmware.objects.select_related(*names).get(pk=pk)
        with self.assertNumQueries(0):
            self.assertEqual(str(bare), f"firmware of {env['d1'].pk}")
            self.assertEqual(str(half), f"firmware of {env['d1']}")
            self.assertEqual(str(whole), f"{env['d1']}: {env['image1a']}")

    def test_current_image_is_selected(self):
        env = self._create_upgrade_env()
        response = self._page(env["d1"])
        self.assertContains(response, f'<option value="{env["image1a"].pk}" selected>')
        self.assertNotContains(response, "add_id_devicefirmware-0-image")

    def test_no_connection(self):
        env = self._create_upgrade_env()
        env["d1"].deviceconnection_set.all().delete()
        name = "get_upgrader_class_from_device_connection"
        with mock.patch.object(utils, name) as look_up, self.assertNoLogs():
            response = self._page(env["d1"])
        look_up.assert_not_called()
        self.assertContains(response, SCHEMA_LINE.format("null"))

    def test_upgrader_without_schema(self):
        device = self._create_device_with_connection()
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            response = self._page(device)
        self.assertContains(response, SCHEMA_LINE.format("null"))

    def test_schema_cannot_end_the_script(self):
        device = self._create_device_with_connection()
        schema = {"type": "object", "title": "</script><b>"}
        with mock.patch.object(OpenWrt, "SCHEMA", schema):
            response = self._page(device)
        self.assertNotContains(response, "</script><b>")
        self.assertContains(response, "\\u003C/script\\u003E")

    def test_api_off(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"])
        with mock.patch.object(app_settings, "FIRMWARE_UPGRADER_API", False):
            response = self._page(env["d1"])
        self.assertContains(response, 'var owUpgradeOperationCancelUrl = "";')
        response = self._page(env["d1"])
        url = operation_cancel_url()
        self.assertContains(response, f'var owUpgradeOperationCancelUrl = "{url}";')


class TestSaving(DevicePageMixin, TestCase):
    """One save, one upgrade."""

    def _assert_saved(self, response):
        self.assertEqual(self._errors(response), [])
        self.assertEqual(response.status_code, 302)

    def test_new_image_starts_one_upgrade_with_its_options(self):
        env = self._create_upgrade_env()
        changes = {
            IMAGE: str(env["image2a"].pk),
            "devicefirmware-0-upgrade_options": json.dumps(OPTIONS),
        }
        self._assert_saved(self._submit(env["d1"], changes))
        operation = UpgradeOperation.objects.get()
        self.assertEqual(operation.upgrade_options, OPTIONS)
        self.assertEqual(operation.image, env["image2a"])
        self.assertEqual(operation.created_by, self._get_admin())
        row = DeviceFirmware.objects.get(device=env["d1"])
        self.assertEqual((row.image, row.installed), (env["image2a"], False))

    def test_without_options(self):
        env = self._create_upgrade_env()
        for number, options in enumerate(("", "null", None), 1):
            with self.subTest(options=options):
                image = env["image2a"] if number % 2 else env["image1a"]
                changes = {
                    IMAGE: str(image.pk),
                    "devicefirmware-0-upgrade_options": options,
                }
                self._assert_saved(self._submit(env["d1"], changes))
                self.assertEqual(UpgradeOperation.objects.count(), number)
                last = UpgradeOperation.objects.order_by("created").last()
                self.assertEqual(last.upgrade_options, {})

    def test_first_image_of_a_device(self):
        env = self._create_upgrade_env(device_firmware=False)
        self._assert_saved(self._submit(env["d1"], self._new_row(env["image1a"])))
        self.assertEqual(DeviceFirmware.objects.get().image, env["image1a"])
        self.assertEqual(UpgradeOperation.objects.get().image, env["image1a"])

    def test_unchanged_page_starts_nothing(self):
        env = self._create_upgrade_env()
        for installed in (False, True):
            DeviceFirmware.objects.update(installed=installed)
            self._assert_saved(self._submit(env["d1"], {"name": f"other-{installed}"}))
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_image_is_mandatory_in_an_added_row(self):
        device = self._create_device_with_connection()
        response = self._submit(device, self._new_row(None))
        self.assertEqual(response.status_code, 200)
        self.assertContains(response, "errorlist")
        self.assertContains(response, "This field is required.")
        self.assertFalse(DeviceFirmware.objects.exists())

    def test_no_connection(self):
        env = self._create_upgrade_env()
        env["d1"].deviceconnection_set.all().delete()
        response = self._submit(env["d1"], {IMAGE: str(env["image2a"].pk)})
        self.assertContains(response, "related connection")
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_first_credentials_in_the_same_save(self):
        env = self._create_upgrade_env()
        credentials = env["d1"].deviceconnection_set.get().credentials
        for options in ("", json.dumps(OPTIONS)):
            with self.subTest(options=options):
                env["d1"].deviceconnection_set.all().delete()
                row = DeviceFirmware.objects.get(device=env["d1"])
                images = {env["image1a"], env["image2a"]} - {row.image}
                image = images.pop()
                changes = {
                    IMAGE: str(image.pk),
                    "devicefirmware-0-upgrade_options": options,
                    "deviceconnection_set-TOTAL_FORMS": 1,
                    "deviceconnection_set-0-credentials": str(credentials.pk),
                    "deviceconnection_set-0-update_strategy": "",
                    "deviceconnection_set-0-enabled": "on",
                }
                self._assert_saved(self._submit(env["d1"], changes))
                row.refresh_from_db()
                self.assertEqual(row.image, image)
                self.assertEqual(env["d1"].deviceconnection_set.count(), 1)
                last = UpgradeOperation.objects.order_by("created").last()
                self.assertEqual(last.image, image)
                self.assertEqual(
                    last.upgrade_options, json.loads(options) if options else {}
                )

    def test_credentials_marked_for_deletion_do_not_count(self):
        env = self._create_upgrade_env()
        connection = env["d1"].deviceconnection_set.get()
        changes = {
            IMAGE: str(env["image2a"].pk),
            "deviceconnection_set-0-DELETE": "on",
        }
        response = self._submit(env["d1"], changes)
        self.assertContains(response, "last ones are about to be removed")
        self.assertTrue(DeviceConnection.objects.filter(pk=connection.pk).exists())
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_garbage_total_of_credentials(self):
        env = self._create_upgrade_env()
        for total in ("abc", "-1", "", "0"):
            with self.subTest(total=total):
                changes = {
                    IMAGE: str(env["image2a"].pk),
                    "deviceconnection_set-TOTAL_FORMS": total,
                }
                response = self._submit(env["d1"], changes)
                self.assertIn(response.status_code, (200, 302))

    def test_credentials_disabled_by_the_same_save(self):
        env = self._create_upgrade_env()
        changes = {
            IMAGE: str(env["image2a"].pk),
            "devicefirmware-0-upgrade_options": json.dumps(OPTIONS),
            "deviceconnection_set-0-enabled": None,
            "name": "renamed",
        }
        response = self._submit(env["d1"], changes)
        self.assertEqual(response.status_code, 302)
        response = self.client.get(change_url(env["d1"]))
        self.assertContains(response, '<li class="error">')
        self.assertContains(response, "No connection or credentials")
        row = DeviceFirmware.objects.get(device=env["d1"])
        self.assertEqual(row.image, env["image1a"])
        self.assertFalse(UpgradeOperation.objects.exists())
        self.assertEqual(Device.objects.get(pk=env["d1"].pk).name, "renamed")

    def test_options_of_an_upgrader_without_any(self):
        env = self._create_upgrade_env()
        changes = {
            IMAGE: str(env["image2a"].pk),
            "devicefirmware-0-upgrade_options": json.dumps(OPTIONS),
        }
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            response = self._submit(env["d1"], changes)
        self.assertContains(response, "not allowed with this upgrader")
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_bad_options_are_errors(self):
        env = self._create_upgrade_env()
        for options in ("{", "[1]", "5", '"text"', '{"x": 1}', '{"c": "maybe"}'):
            with self.subTest(options=options):
                changes = {
                    IMAGE: str(env["image2a"].pk),
                    "devicefirmware-0-upgrade_options": options,
                }
                response = self._submit(env["d1"], changes)
                self.assertEqual(response.status_code, 200)
                self.assertTrue(self._errors(response))
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_garbage_images_are_errors(self):
        env = self._create_upgrade_env()
        for image in ("abc", "00000000-0000-0000-0000-000000000000", "\x00"):
            with self.subTest(image=image):
                response = self._submit(env["d1"], {IMAGE: image})
                self.assertEqual(response.status_code, 200)
                self.assertTrue(self._errors(response))

    def test_two_new_rows_are_refused(self):
        env = self._create_upgrade_env(device_firmware=False)
        changes = self._new_row(env["image1a"])
        changes |= {
            "devicefirmware-TOTAL_FORMS": 2,
            "devicefirmware-1-image": str(env["image2a"].pk),
        }
        response = self._submit(env["d1"], changes)
        self.assertEqual(response.status_code, 200)
        self.assertFalse(DeviceFirmware.objects.exists())

    def test_row_that_appeared_meanwhile(self):
        env = self._create_upgrade_env(device_firmware=False)
        page = self._page(env["d1"])
        self._create_device_firmware(
            device=env["d1"], image=env["image1a"], device_connection=False
        )
        response = self._submit(env["d1"], self._new_row(env["image2a"]), page)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(DeviceFirmware.objects.get().image, env["image1a"])

    def test_row_that_vanished_meanwhile(self):
        env = self._create_upgrade_env()
        page = self._page(env["d1"])
        env["image1a"].delete()
        response = self._submit(env["d1"], {}, page)
        self.assertEqual(response.status_code, 200)

    def test_installed_and_unchanged_without_credentials(self):
        env = self._create_upgrade_env()
        DeviceFirmware.objects.update(installed=True)
        env["d1"].deviceconnection_set.all().delete()
        self._assert_saved(self._submit(env["d1"], {"name": "renamed"}))

    def test_credentials_added_while_an_operation_with_options_is_listed(self):
        env = self._create_upgrade_env()
        self._operation(
            env["d1"], env["image1a"], status="cancelled", upgrade_options=OPTIONS
        )
        credentials = env["d1"].deviceconnection_set.get().credentials
        env["d1"].deviceconnection_set.all().delete()
        changes = {
            "deviceconnection_set-TOTAL_FORMS": 1,
            "deviceconnection_set-0-credentials": str(credentials.pk),
            "deviceconnection_set-0-update_strategy": "",
            "deviceconnection_set-0-enabled": "on",
        }
        self._assert_saved(self._submit(env["d1"], changes))
        self.assertEqual(env["d1"].deviceconnection_set.count(), 1)
        self.assertEqual(UpgradeOperation.objects.count(), 1)

    def test_device_whose_model_is_corrected(self):
        env = self._create_upgrade_env()
        self._assert_saved(self._submit(env["d1"], {"model": "something else"}))
        self.assertEqual(DeviceFirmware.objects.filter(device=env["d1"]).count(), 1)

    def test_shared_images(self):
        shared = self._create_category(name="shared", organization=None)
        image = self._create_firmware_image(build=self._create_build(category=shared))
        administrator = self._create_administrator(organizations=[self._get_org()])
        for number, user in enumerate((self._get_admin(), administrator), 1):
            with self.subTest(user=user.username):
                self.client.force_login(user)
                device = self._create_device(
                    name=f"shared-{number}",
                    mac_address=f"00:11:22:33:44:0{number}",
                    model=image.boards[0],
                    organization=self._get_org(),
                )
                self._create_config(device=device)
                self._create_device_connection(
                    device=device, credentials=self._get_credentials(organization=None)
                )
                self._assert_saved(self._submit(device, self._new_row(image)))
                operation = UpgradeOperation.objects.get(device=device)
                self.assertEqual(operation.created_by, user)

    def test_image_of_another_organization(self):
        env = self._create_upgrade_env()
        other = self._create_org(name="other", slug="other")
        category = self._create_category(name="foreign", organization=other)
        image = self._create_firmware_image(build=self._create_build(category=category))
        response = self._submit(env["d1"], {IMAGE: str(image.pk)})
        self.assertEqual(response.status_code, 200)
        self.assertTrue(self._errors(response))
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_removing_the_row(self):
        env = self._create_upgrade_env()
        self._assert_saved(self._submit(env["d1"], {"devicefirmware-0-DELETE": "on"}))
        self.assertFalse(DeviceFirmware.objects.filter(device=env["d1"]).exists())
        self.assertFalse(UpgradeOperation.objects.exists())


class TestRecentTab(DevicePageMixin, TestCase):
    def test_operations_of_the_last_week(self):
        env = self._create_upgrade_env()
        ended = self._operation(env["d1"], env["image1a"], status="failed")
        running = self._operation(env["d1"], env["image2a"], upgrade_options=OPTIONS)
        foreign = self._operation(env["d2"], env["image1b"])
        response = self._page(env["d1"])
        self.assertContains(response, "Recent Firmware Upgrades")
        self.assertContains(response, 'id="upgradeoperation_set-group"')
        text = response.content.decode()
        self.assertLess(text.index(str(running.pk)), text.index(str(ended.pk)))
        self.assertNotContains(response, str(foreign.pk))
        self.assertContains(response, 'class="readonly-upgrade-options"')
        self.assertNotContains(response, 'name="upgradeoperation_set-0-image"')

    def test_no_connection(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], status="failed")
        env["d1"].deviceconnection_set.all().delete()
        self.assertNotContains(self._page(env["d1"]), "readonly-upgrade-options")

    def test_running_ones_cannot_be_deleted(self):
        env = self._create_upgrade_env()
        ended = self._operation(env["d1"], env["image1a"], status="failed")
        running = self._operation(env["d1"], env["image1a"])
        page = self._page(env["d1"])
        formset = next(
            inline.formset
            for inline in page.context["inline_admin_formsets"]
            if inline.formset.prefix == "upgradeoperation_set"
        )
        boxes = {
            form.instance.pk: form.fields["DELETE"].disabled for form in formset.forms
        }
        self.assertEqual(boxes, {running.pk: True, ended.pk: False})
        forged = {
            "upgradeoperation_set-0-DELETE": "on",
            "upgradeoperation_set-1-DELETE": "on",
        }
        response = self._submit(env["d1"], forged, page)
        self.assertEqual(response.status_code, 302)
        self.assertEqual(list(UpgradeOperation.objects.all()), [running])

    def test_queries_do_not_grow_with_operations(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], status="failed")
        self._page(env["d1"])

        def count():
            with CaptureQueriesContext(connection) as queries:
                self._page(env["d1"])
            return len(queries)

        few = count()
        for status in ("in-progress", "failed", "success") * 10:
            self._operation(
                env["d1"], env["image2a"], status=status, upgrade_options=OPTIONS
            )
        for number in range(3, 9):
            build = self._create_build(category=env["category"], version=f"0.{number}")
            self._create_firmware_image(build=build)
        many = count()
        self.assertEqual(few, many)

    def test_appended_columns_are_shown(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], progress=37)
        DeviceUpgradeOperationInline.fields.append("progress")
        self.addCleanup(DeviceUpgradeOperationInline.fields.remove, "progress")
        self.assertContains(self._page(env["d1"]), '<div class="readonly">37</div>')

    def test_notice(self):
        env = self._create_upgrade_env()
        running = self._operation(env["d1"], env["image2a"])
        response = self._page(env["d1"])
        self.assertContains(response, 'id="ow-firmware-notice"')
        self.assertContains(response, 'role="status"')
        notice = self._notice(response)
        self.assertEqual(
            notice["installed"],
            {"image": str(env["image1a"].pk), "installed": False},
        )
        self.assertEqual(notice["running"]["id"], str(running.pk))
        self.assertIn(str(running.pk), notice["running"]["url"])
        running.delete()
        self.assertIsNone(self._notice(self._page(env["d1"]))["running"])

    def _notice(self, response):
        start = 'id="ow-firmware-notice-data" type="application/json">'
        text = response.content.decode().split(start)[1].split("</script>")[0]
        return json.loads(text)

    def test_last_upgrade_is_tried_again_unless_it_succeeded(self):
        env = self._create_upgrade_env()
        operation = self._operation(env["d1"], env["image1a"], status="failed")
        options = UpgradeOperation._meta
        url = reverse(
            f"admin:{options.app_label}_upgradeoperation_retry", args=[operation.pk]
        )
        self.assertContains(self._page(env["d1"]), f'formaction="{url}"')
        UpgradeOperation.objects.update(status="success")
        self.assertNotContains(self._page(env["d1"]), "formaction")
        UpgradeOperation.objects.update(status="failed")
        self.client.force_login(self._create_operator(organizations=[self._get_org()]))
        self.assertNotContains(self._page(env["d1"]), "formaction")

    def test_link_to_all_operations(self):
        env = self._create_upgrade_env()
        options = UpgradeOperation._meta
        url = reverse(f"admin:{options.app_label}_upgradeoperation_changelist")
        link = f"{url}?device={env['d1'].pk}"
        self.assertContains(self._page(env["d1"]), f'href="{link}"')
        self._operation(env["d1"], env["image1a"], status="failed")
        self._operation(env["d2"], env["image1b"], status="failed")
        response = self.client.get(link)
        self.assertEqual(response.context["cl"].result_count, 1)


class TestDeactivated(DevicePageMixin, TestCase):
    def test_page_is_read_only(self):
        env = self._create_upgrade_env()
        operation = self._operation(env["d1"], env["image1a"], status="failed")
        page = self._page(env["d1"])
        env["d1"].deactivate()
        response = self._page(env["d1"])
        self.assertContains(
            response,
            '<input type="hidden" name="devicefirmware-MAX_NUM_FORMS" value="0" '
            'id="id_devicefirmware-MAX_NUM_FORMS">',
            html=True,
        )
        text = f'<div class="readonly">{env["image1a"]}</div>'
        self.assertContains(response, text)
        self.assertNotContains(response, '<select name="devicefirmware-0-image"')
        self.assertContains(response, str(operation.pk))
        self.assertNotContains(response, "upgradeoperation_set-0-DELETE")
        changes = {IMAGE: str(env["image2a"].pk)}
        self.assertEqual(self._submit(env["d1"], changes, page).status_code, 403)
        self.assertEqual(UpgradeOperation.objects.count(), 1)
        row = DeviceFirmware.objects.get(device=env["d1"])
        self.assertEqual(row.image, env["image1a"])


class TestPermissions(DevicePageMixin, TestCase):
    def test_administrator_of_the_organization(self):
        env = self._create_upgrade_env()
        self.client.force_login(
            self._create_administrator(organizations=[self._get_org()])
        )
        response = self._page(env["d1"])
        self.assertContains(response, f'<option value="{env["image1a"].pk}" selected>')

    def test_administrator_of_another_organization(self):
        env = self._create_upgrade_env()
        page = self._page(env["d1"])
        other = self._create_org(name="other", slug="other")
        self.client.force_login(self._create_administrator(organizations=[other]))
        response = self.client.get(change_url(env["d1"]))
        self.assertEqual(response.status_code, 302)
        changes = {IMAGE: str(env["image2a"].pk)}
        self.assertEqual(self._submit(env["d1"], changes, page).status_code, 302)
        self.assertFalse(UpgradeOperation.objects.exists())
        row = DeviceFirmware.objects.get(device=env["d1"])
        self.assertEqual(row.image, env["image1a"])

    def test_operator_only_looks(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], status="failed")
        self.client.force_login(self._create_operator(organizations=[self._get_org()]))
        response = self._page(env["d1"])
        self.assertContains(response, 'id="devicefirmware-group"')
        self.assertNotContains(response, '<select name="devicefirmware-0-image"')
        for prefix in ("devicefirmware", "upgradeoperation_set"):
            self.assertFalse(f"{prefix}-0-DELETE" in response.content.decode())

    def test_without_permissions_on_firmware_there_are_no_tabs(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], status="failed")
        user = self._create_operator(organizations=[self._get_org()])
        user.groups.clear()
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label=Device._meta.app_label,
                content_type__model="device",
            )
        )
        self.client.force_login(user)
        response = self._page(env["d1"])
        self.assertNotContains(response, "devicefirmware-group")
        self.assertNotContains(response, "upgradeoperation_set-group")
