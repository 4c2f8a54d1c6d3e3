"""The admin pages of categories, builds, mass upgrades and operations."""

from contextlib import ExitStack
from datetime import timedelta
from unittest import mock

import django
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.test import RequestFactory, TestCase, TransactionTestCase, tag
from django.urls import reverse
from django.utils import timezone
from openwisp_controller.tests.utils import TestAdminMixin
from swapper import load_model as load_any_model

from .. import settings as app_settings
from ..admin import (
    BatchUpgradeConfirmationForm,
    BatchUpgradeOperationAdmin,
    BuildAdmin,
    CategoryAdmin,
    FirmwareImageInline,
    UpgradeOperationForm,
    UpgradeOperationInline,
    admin,
)
from ..swapper import load_model
from ..upgraders.openwisp import OpenWrt
from .base import TestUpgraderMixin, change_url

Location = load_any_model("geo", "Location")
Device = load_any_model("config", "Device")


class BaseTestAdmin(TestAdminMixin, TestUpgraderMixin):
    """What the tests of the admin share; derived apps override the attributes."""

    app_label = load_model("Build")._meta.app_label
    config_app_label = Device._meta.app_label
    _mock_upgrade = "openwisp_firmware_upgrader.upgraders.openwrt.OpenWrt.upgrade"
    _mock_connect = "openwisp_controller.connection.models.DeviceConnection.connect"

    @property
    def build_list_url(self):
        """The list of builds."""
        return self._url("build", "changelist")

    def _url(self, model, page, *args):
        return reverse(f"admin:{self.app_label}_{model}_{page}", args=args)

    def _launch(self, build, **data):
        data = {
            "action": "upgrade_selected",
            "_selected_action": str(build.pk),
            "post": "yes",
            **data,
        }
        return self.client.post(self.build_list_url, data, follow=True)

    def assertPageQueries(self, number):
        """Asserts the queries of the page of an object."""
        # Django 5.1 reads it in a transaction, two savepoints inside of a test
        return self.assertNumQueries(number + (0 if django.VERSION >= (5, 2) else 2))

    def _expects_log(self, name, level):
        stack = ExitStack()
        self.addCleanup(stack.close)
        stack.enter_context(self.assertLogs(name, level))

    def _create_location(self, **kwargs):
        options = {
            "name": "somewhere",
            "type": "indoor",
            "geometry": "SRID=4326;POINT (12.51 41.89)",
            **kwargs,
        }
        if "organization" not in options:
            options["organization"] = self._get_org()
        return self._saved(Location(**options))

    def _place(self, device, location):
        model = load_any_model("geo", "DeviceLocation")
        return model.objects.create(content_object=device, location=location)

    def _batch(self, status="success", progress=100, **kwargs):
        """Returns (environment, batch) with one operation per device."""
        env = self._create_upgrade_env(**kwargs)
        batch = load_model("BatchUpgradeOperation").objects.create(
            build=env["build2"], status="idle", launched=True
        )
        for number, letter in ((1, "a"), (2, "b")):
            env[f"o{number}"] = load_model("UpgradeOperation").objects.create(
                device=env[f"d{number}"],
                image=env[f"image2{letter}"],
                batch=batch,
                status=status,
                progress=progress,
                log="first\nlast line",
            )
        batch.calculate_and_update_status()
        batch.refresh_from_db()
        return env, batch

    def _other_administrator(self):
        other = self._create_org(name="other org", slug="other-org")
        return self._create_administrator(
            [other], username="stranger", email="stranger@example.org"
        )

    def _operation(self, env, **kwargs):
        options = {"device": env["d1"], "image": env["image2a"], **kwargs}
        return load_model("UpgradeOperation").objects.create(**options)


class TestAdmin(BaseTestAdmin, TestCase):
    """Pages and rules, without a worker."""

    # categories and builds

    def test_category_list(self):
        self._login()
        category = self._create_category()
        response = self.client.get(self._url("category", "changelist"))
        self.assertContains(
            response, f'<a href="{change_url(category)}">{category}</a>', html=True
        )

    def test_category_history_and_recovery(self):
        self._login()
        data = {"organization": str(self._get_org().pk), "name": "kept"}
        self.client.post(self._url("category", "add"), data)
        category = load_model("Category").objects.get(name="kept")
        url = self._url("category", "delete", category.pk)
        self.client.post(url, {"post": "yes"})
        self.assertFalse(load_model("Category").objects.exists())
        response = self.client.get(self._url("category", "recoverlist"))
        self.assertContains(response, "kept")

    def test_build_page_has_the_launch_button(self):
        self._login()
        build = self._create_build()
        response = self.client.get(change_url(build))
        self.assertContains(response, "Launch mass upgrade operation")
        self.assertContains(response, 'name="_selected_action"')
        self.assertEqual(
            response.context["upgrade_url"], f"{self.app_label}_build_changelist"
        )
        response = self.client.get(self._url("build", "add"))
        self.assertNotContains(response, "Launch mass upgrade operation")

    def test_who_may_only_look_has_no_launch_button(self):
        build = self._create_build()
        self._create_operator([self._get_org()])
        self._login("operator")
        response = self.client.get(change_url(build))
        self.assertEqual(response.status_code, 200)
        self.assertNotContains(response, "Launch mass upgrade operation")

    def test_launch_needs_the_permission_to_change_builds(self):
        env = self._create_upgrade_env()
        self._create_operator([self._get_org()])
        self._login("operator")
        response = self.client.get(self.build_list_url)
        self.assertNotContains(response, '<option value="upgrade_selected">')
        response = self._launch(env["build2"], upgrade_all="1")
        self.assertEqual(response.status_code, 200)
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_images_of_a_build_cannot_be_changed(self):
        inline = FirmwareImageInline(load_model("FirmwareImage"), admin.site)
        request = RequestFactory().get("/")
        self.assertIs(inline.has_change_permission(request), True)
        self.assertIs(inline.has_change_permission(request, obj=None), True)
        image = self._create_firmware_image()
        self.assertIs(inline.has_change_permission(request, obj=image), False)

    def test_select2_is_loaded_for_the_types(self):
        self._login()
        response = self.client.get(self._url("build", "add"))
        for name in ("select2.full", "firmware-upgrader/js/build.js"):
            self.assertContains(response, name)

    def _image_form(self, build, image, **extra):
        prefix = "firmwareimage_set"
        data = {
            "category": str(build.category.pk),
            "version": build.version,
            "os": "",
            "changelog": "",
            f"{prefix}-TOTAL_FORMS": "1",
            f"{prefix}-INITIAL_FORMS": "1",
            f"{prefix}-0-id": str(image.pk),
            f"{prefix}-0-build": str(build.pk),
            **{f"{prefix}-0-{key}": value for key, value in extra.items()},
        }
        return self.client.post(change_url(build), data)

    def test_image_that_is_being_installed_is_not_deleted(self):
        self._login()
        env = self._create_upgrade_env()
        self._operation(env)
        image = env["image2a"]
        response = self._image_form(env["build2"], image, DELETE="on")
        self.assertContains(response, "an upgrade in progress installs it")
        self.assertTrue(type(image).objects.filter(pk=image.pk).exists())

    def test_image_that_nobody_needs_is_deleted(self):
        self._login()
        image = self._create_firmware_image()
        response = self._image_form(image.build, image, DELETE="on")
        self.assertEqual(response.status_code, 302)
        self.assertFalse(load_model("FirmwareImage").objects.filter(pk=image.pk))

    def test_manager_cannot_add_a_build_to_a_shared_category(self):
        shared = self._create_category(name="shared", organization=None)
        self._create_administrator([self._get_org()])
        self._login("administrator")
        data = {
            "category": str(shared.pk),
            "version": "9",
            "firmwareimage_set-TOTAL_FORMS": "0",
            "firmwareimage_set-INITIAL_FORMS": "0",
        }
        response = self.client.post(self._url("build", "add"), data)
        self.assertEqual(response.status_code, 200)
        self.assertFalse(load_model("Build").objects.exists())

    def test_build_list_counts_images_and_devices(self):
        self._login()
        env = self._create_upgrade_env()
        env["device_fw1"].installed = True
        env["device_fw1"].save(upgrade=False)
        response = self.client.get(self.build_list_url)
        rows = {b.pk: b for b in response.context["cl"].result_list}
        build = rows[env["build1"].pk]
        self.assertEqual((build.number_of_images, build.number_of_devices), (2, 1))
        build = rows[env["build2"].pk]
        self.assertEqual((build.number_of_images, build.number_of_devices), (2, 0))

    # who sees what

    def _sealed(self, url, visible, hidden):
        self._test_multitenant_admin(
            url=url, visible=visible, hidden=hidden, administrator=True
        )

    def _two_organizations(self):
        org1 = self._create_org(name="org1", slug="org1")
        org2 = self._create_org(name="org2", slug="org2")
        self._create_administrator([org1])
        found = []
        for name, owner in (("mine", org1), ("theirs", org2), ("everyones", None)):
            category = self._create_category(name=name, organization=owner)
            found.append(self._create_build(category=category, version=f"1.{name}"))
        return found

    def test_categories_are_sealed(self):
        self._two_organizations()
        url = self._url("category", "changelist")
        self._sealed(url, ["mine"], ["theirs", "everyones"])

    def test_builds_are_sealed(self):
        self._two_organizations()
        self._sealed(self.build_list_url, ["mine"], ["theirs", "everyones"])

    def test_batches_are_sealed(self):
        builds = self._two_organizations()
        model = load_model("BatchUpgradeOperation")
        mine, theirs, shared = (
            model.objects.create(build=build, launched=True) for build in builds
        )
        url = self._url("batchupgradeoperation", "changelist")
        self._sealed(url, [str(mine.pk)], [str(theirs.pk), str(shared.pk)])
        self._login("administrator")
        response = self.client.get(change_url(shared), follow=True)
        self.assertRedirects(response, reverse("admin:index"))
        self.assertContains(response, "Mass upgrade operation")
        self.assertContains(response, "doesn’t exist")

    def test_operations_are_sealed(self):
        env = self._create_upgrade_env()
        operation = self._operation(env, log="a secret of the device")
        self._other_administrator()
        self._login("stranger")
        response = self.client.get(self._url("upgradeoperation", "changelist"))
        self.assertNotContains(response, str(operation.pk))
        for page in ("change", "delete", "history"):
            url = self._url("upgradeoperation", page, operation.pk)
            response = self.client.get(url)
            self.assertEqual(response.status_code, 302, page)
        self.client.post(
            self._url("upgradeoperation", "delete", operation.pk), {"post": "yes"}
        )
        operation.refresh_from_db()

    def test_every_view_of_ours_is_sealed(self):
        env, batch = self._batch(status="failed")
        pk, build = env["o1"].pk, env["build2"].pk
        gets = [
            self._url("upgradeoperation", "state", pk),
            self._url("upgradeoperation", "device_state", env["d1"].pk),
            self._url("batchupgradeoperation", "state", batch.pk),
            self._url("batchupgradeoperation", "csv", batch.pk),
            self._url("build", "candidates", build),
            self._url("build", "choices", build, "group"),
        ]
        posts = [
            self._url("upgradeoperation", "cancel", pk),
            self._url("upgradeoperation", "retry", pk),
            self._url("batchupgradeoperation", "cancel", batch.pk),
            self._url("batchupgradeoperation", "retry", batch.pk),
        ]
        self._other_administrator()
        self._login("stranger")
        for url in gets:
            self.assertEqual(self.client.get(url).status_code, 404, url)
        for url in posts:
            self.assertEqual(self.client.post(url).status_code, 404, url)
            self.assertEqual(self.client.get(url).status_code, 405, url)
        self._create_operator([self._get_org()])
        self._login("operator")
        for url in (*posts, *gets[4:]):
            method = self.client.post if url in posts else self.client.get
            self.assertEqual(method(url).status_code, 403, url)
        for url in gets[:4]:
            self.assertEqual(self.client.get(url).status_code, 200, url)
        self._logout()
        for url in gets:
            self.assertEqual(self.client.get(url).status_code, 302, url)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 1)

    def test_changing_views_need_a_token(self):
        env, batch = self._batch(status="failed")
        self._expects_log("django.security.csrf", "WARNING")
        self.client.handler.enforce_csrf_checks = True
        self._login()
        for model, obj in (
            ("upgradeoperation", env["o1"]),
            ("batchupgradeoperation", batch),
        ):
            for name in ("cancel", "retry"):
                response = self.client.post(self._url(model, name, obj.pk))
                self.assertEqual(response.status_code, 403)

    def test_filters_offer_what_one_manages(self):
        self._two_organizations()
        self._login("administrator")
        for model, field in (
            ("batchupgradeoperation", "build"),
            ("build", "category"),
            ("upgradeoperation", "batch"),
            ("batchupgradeoperation", "group"),
            ("batchupgradeoperation", "location"),
            ("firmwareimage", "build"),
        ):
            path = self._get_autocomplete_view_path(self.app_label, model, field)
            response = self.client.get(path)
            self.assertEqual(response.status_code, 200, (model, field))
            self.assertNotContains(response, "theirs")
            self.assertNotContains(response, "everyones")

    def test_filter_of_builds_finds_ours(self):
        self._two_organizations()
        self._login("administrator")
        path = self._get_autocomplete_view_path(
            self.app_label, "batchupgradeoperation", "build"
        )
        self.assertContains(self.client.get(path), "1.mine")

    @tag("heavy")
    def test_garbage_in_queries_is_no_error(self):
        env, batch = self._batch()
        self._login()
        lists = ("category", "build", "batchupgradeoperation", "upgradeoperation")
        pages = [self._url(model, "changelist") for model in lists]
        names = ("organization", "category_id", "build_id", "group_id", "o", "page")
        names += ("device__organization", "image__build", "batch_id", "location_id")
        names += ("category__organization", "build__category", "status", "p")
        self._expects_log("django.security", "ERROR")
        for url in (*pages, change_url(batch)):
            for name in names:
                response = self.client.get(f"{url}?{name}=abc", follow=True)
                self.assertIn(response.status_code, (200, 400), (url, name))
        url = self._url("build", "candidates", env["build2"].pk)
        self.assertEqual(self.client.get(f"{url}?group=abc").status_code, 404)
        self.assertEqual(self.client.get(f"{url}?page=abc").status_code, 200)
        url = self._url("build", "choices", env["build2"].pk, "nothing")
        self.assertEqual(self.client.get(url).status_code, 404)
        for model in lists:
            data = {"action": "delete_selected", "_selected_action": "abc"}
            response = self.client.post(
                self._url(model, "changelist"), data, follow=True
            )
            self.assertEqual(response.status_code, 200, model)

    # the confirmation page

    def test_only_one_build_at_a_time(self):
        self._login()
        env = self._create_upgrade_env()
        data = {
            "action": "upgrade_selected",
            "_selected_action": [str(env["build1"].pk), str(env["build2"].pk)],
            "upgrade_all": "1",
        }
        response = self.client.post(self.build_list_url, data, follow=True)
        self.assertContains(response, '<li class="error">')
        self.assertContains(response, "one mass upgrade can be launched at a time")
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_build_of_another_organization_is_not_launched(self):
        env = self._create_upgrade_env()
        self._other_administrator()
        self._login("stranger")
        response = self._launch(env["build2"], upgrade_all="1")
        self.assertContains(response, '<li class="error">')
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_selection_that_is_no_key(self):
        self._login()
        self._create_build()
        data = {"action": "upgrade_selected", "_selected_action": "garbage"}
        response = self.client.post(self.build_list_url, data, follow=True)
        self.assertContains(response, '<li class="error">')

    def test_confirmation_comes_first(self):
        self._login()
        env = self._create_upgrade_env()
        response = self._launch(env["build2"])
        self.assertContains(response, 'name="upgrade_all"')
        self.assertNotContains(response, 'name="upgrade_related"')
        self.assertContains(response, "data-url=")
        self.assertEqual(response.context["related_count"], 2)
        self.assertEqual(response.context["firmwareless_count"], 0)
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_both_buttons(self):
        self._login()
        env = self._create_upgrade_env()
        self._create_firmwareless_device(self._get_org())
        Device.objects.filter(name="firmwareless").update(
            model=env["image2a"].boards[0]
        )
        response = self._launch(env["build2"])
        self.assertContains(response, 'name="upgrade_all"')
        self.assertContains(response, 'name="upgrade_related"')

    def test_only_devices_without_known_firmware(self):
        self._login()
        env = self._create_upgrade_env(device_firmware=False)
        response = self._launch(env["build2"])
        self.assertContains(response, 'name="upgrade_all"')
        self.assertNotContains(response, 'name="upgrade_related"')

    def test_nothing_to_upgrade(self):
        self._login()
        response = self._launch(self._create_build())
        self.assertNotContains(response, 'name="upgrade_all"')
        self.assertNotContains(response, 'id="id_group"')
        self.assertContains(response, "cancel-link")

    def test_queries_of_the_confirmation(self):
        self._login()
        env = self._create_upgrade_env()
        with self.assertNumQueries(12):
            self._launch(env["build2"])

    def test_queries_of_the_confirmation_without_known_firmware(self):
        self._login()
        env = self._create_upgrade_env(device_firmware=False)
        with self.assertNumQueries(12):
            self._launch(env["build2"])

    def test_schema_is_in_the_page_escaped(self):
        self._login()
        env = self._create_upgrade_env()
        schema = {"title": "</script><b>", "type": "object", "properties": {}}
        with mock.patch.object(OpenWrt, "SCHEMA", schema):
            response = self._launch(env["build2"])
        self.assertNotContains(response, "</script><b>")
        self.assertContains(response, "var firmwareUpgraderSchema = {")
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            response = self._launch(env["build2"])
        self.assertContains(response, "var firmwareUpgraderSchema = null")

    def test_first_device_without_credentials_decides_nothing(self):
        self._login()
        env = self._create_upgrade_env()
        env["d2"].deviceconnection_set.all().delete()
        response = self._launch(env["build2"])
        self.assertContains(response, "var firmwareUpgraderSchema = {")
        env["d1"].deviceconnection_set.all().delete()
        response = self._launch(env["build2"])
        self.assertContains(response, "var firmwareUpgraderSchema = null")
        response = self._launch(
            env["build2"], upgrade_all="1", upgrade_options='{"c": true}'
        )
        self.assertContains(response, "No connection or credentials")

    def test_malformed_options(self):
        self._login()
        env = self._create_upgrade_env()
        response = self._launch(
            env["build2"], upgrade_all="1", upgrade_options="invalid"
        )
        self.assertContains(response, "Enter a valid JSON.")
        if django.VERSION >= (5, 2):
            self.assertContains(response, 'id="id_upgrade_options_error"')
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_options_the_upgrader_refuses(self):
        self._login()
        env = self._create_upgrade_env()
        for options in ('{"n": true, "c": true}', '{"nothing": 1}', "[1]"):
            response = self._launch(
                env["build2"], upgrade_all="1", upgrade_options=options
            )
            self.assertContains(response, "errorlist")
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            response = self._launch(
                env["build2"], upgrade_all="1", upgrade_options='{"c": true}'
            )
        self.assertContains(response, "Using upgrade options is not allowed")
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_unknown_or_foreign_group_and_location(self):
        self._login()
        env = self._create_upgrade_env()
        other = self._create_org(name="other", slug="other")
        group = self._create_device_group(organization=other)
        place = self._create_location(organization=other)
        for data in ({"group": group.pk}, {"location": place.pk}, {"group": "abc"}):
            response = self._launch(env["build2"], upgrade_all="1", **data)
            self.assertContains(response, "errorlist")
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_launch_with_everything(self):
        self._login()
        env = self._create_upgrade_env()
        group, place = self._create_device_group(), self._create_location()
        Device.objects.filter(pk=env["d1"].pk).update(group=group)
        self._place(env["d1"], place)
        response = self._launch(
            env["build2"],
            upgrade_related="1",
            upgrade_options='{"c": true}',
            group=str(group.pk),
            location=str(place.pk),
        )
        batch = load_model("BatchUpgradeOperation").objects.get()
        self.assertRedirects(response, change_url(batch))
        self.assertContains(response, "track the progress")
        self.assertEqual(str(response.content).count('<li class="success">'), 1)
        self.assertEqual(batch.upgrade_options, {"c": True})
        self.assertEqual((batch.group, batch.location), (group, place))
        self.assertIs(batch.firmwareless, False)
        self.assertEqual(batch.created_by.username, "admin")

    def test_blank_options_are_none(self):
        self._login()
        env = self._create_upgrade_env()
        for text in ("", "null", "{}"):
            self._launch(env["build2"], upgrade_all="1", upgrade_options=text)
            batch = load_model("BatchUpgradeOperation").objects.get()
            self.assertEqual(batch.upgrade_options, {})
            self.assertIs(batch.firmwareless, True)
            batch.delete()

    def test_filters_that_match_nothing_keep_the_form(self):
        self._login()
        env = self._create_upgrade_env()
        group = self._create_device_group(name="nobody there")
        response = self._launch(
            env["build2"],
            upgrade_related="1",
            group=str(group.pk),
            upgrade_options='{"c": true}',
        )
        self.assertContains(response, "No devices found matching")
        self.assertContains(response, '<li class="error">')
        self.assertContains(response, "nobody there")
        self.assertContains(response, 'id="id_group"')
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())

    def test_error_of_the_launch_is_a_message(self):
        self._login()
        env = self._create_upgrade_env()
        with mock.patch.object(
            load_model("Build"), "batch_upgrade", side_effect=ValidationError("oh no")
        ):
            response = self._launch(env["build2"], upgrade_all="1")
        self.assertContains(response, "Oh no")
        self.assertContains(response, 'name="upgrade_all"')

    def test_choices_of_the_form(self):
        org1 = self._create_org(name="org1", slug="org1")
        org2 = self._create_org(name="org2", slug="org2")
        group1 = self._create_device_group(name="g1", organization=org1)
        group2 = self._create_device_group(name="g2", organization=org2)
        place1 = self._create_location(name="p1", organization=org1)
        place2 = self._create_location(name="p2", organization=org2)
        own = self._create_build(organization=org1)
        shared = self._create_build(
            category=self._create_category(name="shared", organization=None)
        )
        one = self._create_administrator([org1])
        two = self._create_administrator(
            [org2], username="two", email="two@example.org"
        )
        cases = (
            (self._get_admin(), own, {group1}, {place1}),
            (one, own, {group1}, {place1}),
            (two, own, set(), set()),
            (self._get_admin(), shared, {group1, group2}, {place1, place2}),
            (one, shared, {group1}, {place1}),
            (two, shared, {group2}, {place2}),
        )
        for user, build, groups, places in cases:
            form = BatchUpgradeConfirmationForm(initial={"build": build}, user=user)
            self.assertEqual(set(form.fields["group"].queryset), groups)
            self.assertEqual(set(form.fields["location"].queryset), places)
        form = BatchUpgradeConfirmationForm(
            initial={"build": shared}, user=self._get_admin()
        )
        self.assertInHTML(
            f'<option value="{group1.pk}">g1 (org1)</option>', str(form["group"])
        )

    def test_many_choices_are_loaded(self):
        self._login()
        env = self._create_upgrade_env()
        model = load_any_model("config", "DeviceGroup")
        groups = model.objects.bulk_create(
            model(name=f"group {n:03}", organization=self._get_org())
            for n in range(201)
        )
        response = self._launch(env["build2"])
        url = self._url("build", "choices", env["build2"].pk, "group")
        self.assertContains(response, f'data-ajax-url="{url}"')
        self.assertNotContains(response, "group 007")
        response = self._launch(
            env["build2"], upgrade_related="1", group=str(groups[7].pk)
        )
        self.assertContains(response, "group 007")
        found = self.client.get(url, {"term": "group 00", "page": "1"}).json()
        self.assertEqual(len(found["results"]), 10)
        found = self.client.get(url).json()
        self.assertEqual(len(found["results"]), 20)
        self.assertIs(found["pagination"]["more"], True)
        groups[0].delete()
        response = self._launch(env["build2"])
        self.assertContains(response, "group 007")
        self.assertNotContains(response, "data-ajax-url")

    def test_candidates_follow_filters_and_search(self):
        self._login()
        env = self._create_upgrade_env()
        group = self._create_device_group()
        Device.objects.filter(pk=env["d1"].pk).update(group=group)
        self._operation(env)
        url = self._url("build", "candidates", env["build2"].pk)
        found = self.client.get(url).json()
        self.assertEqual(found["counts"]["total"], 2)
        self.assertEqual(found["counts"]["ready"], 1)
        self.assertEqual(found["counts"]["running"], 1)
        found = self.client.get(url, {"group": str(group.pk)}).json()
        self.assertEqual(found["counts"]["total"], 1)
        self.assertIn("device1", found["html"])
        self.assertNotIn("device2", found["html"])
        found = self.client.get(url, {"q": env["d2"].mac_address[-8:].lower()}).json()
        self.assertEqual(found["counts"]["total"], 2)
        self.assertIn("device2", found["html"])
        self.assertNotIn("device1", found["html"])

    def test_candidates_say_what_would_go_wrong(self):
        self._login()
        env = self._create_upgrade_env()
        env["d1"].deviceconnection_set.all().delete()
        env["d2"].deviceconnection_set.update(is_working=False)
        env["image2b"].delete()
        url = self._url("build", "candidates", env["build2"].pk)
        counts = self.client.get(url).json()["counts"]
        self.assertEqual(counts["without_credentials"], 1)
        self.assertEqual(counts["offline"], 1)
        self.assertEqual(counts["without_image"], 1)
        self.assertEqual(counts["ready"], 0)

    def test_candidates_are_paged_at_constant_cost(self):
        self._login()
        env = self._create_upgrade_env(device_firmware=False)
        model = env["image2a"].boards[0]
        url = self._url("build", "candidates", env["build2"].pk)
        with self.assertNumQueries(6):
            self.client.get(url)
        Device.objects.bulk_create(
            Device(
                name=f"more{n}",
                organization=self._get_org(),
                mac_address=f"00:00:00:00:00:{n:02x}",
                model=model,
                key=f"{n:032x}",
            )
            for n in range(30)
        )
        with self.assertNumQueries(6):
            found = self.client.get(url, {"page": "2"}).json()
        self.assertEqual((found["page"], found["pages"]), (2, 2))
        self.assertEqual(found["counts"]["without_credentials"], 30)
        self.assertEqual(self.client.get(url, {"page": "9"}).json()["page"], 1)

    # the page of a mass upgrade

    def test_batch_page(self):
        env, batch = self._batch()
        self._login()
        response = self.client.get(change_url(batch))
        self.assertContains(response, "2 out of 2")
        self.assertContains(response, "100.0%")
        self.assertContains(response, "N/A", 3)
        self.assertContains(response, 'id="batchupgradeoperation_form"')
        self.assertContains(response, 'id="result_list"')
        self.assertContains(response, f'data-operation-id="{env["o1"].pk}"')
        self.assertContains(response, 'data-operation-status="success"', 2)
        self.assertContains(response, f'href="{change_url(env["o1"])}"')
        self.assertContains(response, "last line", 2)
        self.assertContains(response, "2 results")
        self.assertNotContains(response, 'class="pagination"')
        self.assertContains(response, "data-state-url")

    def test_batch_page_search_filters_and_queries(self):
        env, batch = self._batch()
        Device.objects.filter(pk=env["d1"].pk).update(name="unique-test")
        self._login()
        url = change_url(batch)
        self.client.get(url)
        with self.assertPageQueries(7):
            response = self.client.get(f"{url}?q=UNIQUE&status=success")
        self.assertContains(response, "unique-test")
        self.assertNotContains(response, "device2")
        self.assertIs(response.context["has_active_filters"], True)
        mac = env["d2"].mac_address
        response = self.client.get(f"{url}?q={mac}")
        self.assertContains(response, "device2")
        self.assertNotContains(response, "unique-test")
        self.assertIs(response.context["has_active_filters"], False)
        response = self.client.get(f"{url}?status=nothing")
        self.assertContains(response, 'colspan="4"')

    def test_batch_page_order(self):
        env, batch = self._batch()
        self._login()
        for order, names in (
            ("device", ["device1", "device2"]),
            ("-device", ["device2", "device1"]),
        ):
            response = self.client.get(f"{change_url(batch)}?o={order}")
            found = [o.device.name for o in response.context["upgrade_operations"]]
            self.assertEqual(found, names)
            self.assertContains(response, 'aria-sort="')

    def test_choices_of_filters_keep_the_rest(self):
        _env, batch = self._batch()
        self._login()
        response = self.client.get(f"{change_url(batch)}?q=testsearch&status=idle")
        (spec,) = response.context["filter_specs"]
        self.assertEqual(spec.choices[0]["query_string"], "?q=testsearch")
        self.assertEqual(len(spec.choices), 6)
        response = self.client.get(f"{change_url(batch)}?status=failed")
        self.assertContains(
            response,
            '<a class="selected" title="failed" href="?status=failed">failed</a>',
            html=True,
        )
        self.assertContains(response, '<div class="ow-filter status">')
        self.assertContains(response, "By status")
        self.assertNotContains(response, "By organization")

    def _shared_batch(self):
        category = self._create_category(name="shared", organization=None)
        env, batch = self._batch(category=category)
        other = self._create_org(name="other", slug="other")
        Device.objects.filter(pk=env["d2"].pk).update(organization=other)
        return env, batch, other

    def test_organization_filter_of_a_shared_build(self):
        _env, batch, other = self._shared_batch()
        self._login()
        url = change_url(batch)
        response = self.client.get(f"{url}?organization={other.pk}&status=success")
        self.assertContains(response, "By organization")
        self.assertContains(response, '<div class="ow-filter organization">')
        found = [o.device.name for o in response.context["upgrade_operations"]]
        self.assertEqual(found, ["device2"])
        status, organization = response.context["filter_specs"]
        self.assertEqual(status.choices[0]["query_string"], f"?organization={other.pk}")
        self.assertEqual(organization.choices[0]["query_string"], "?status=success")

    def test_shared_batch_shows_managers_their_devices_only(self):
        _env, batch, other = self._shared_batch()
        manager = self._create_administrator([other])
        request = RequestFactory().get("/")
        request.user = manager
        model_admin = BatchUpgradeOperationAdmin(type(batch), admin.site)
        found = model_admin.get_upgrade_operations(request, batch)
        self.assertEqual([o.device.name for o in found], ["device2"])
        specs = model_admin._build_filter_specs(request, batch, "", "")
        labels = [choice["display"] for choice in specs[1].choices]
        self.assertEqual(labels, ["All", "other"])

    def test_batch_page_has_pages(self):
        _env, batch = self._batch()
        self._login()
        url = change_url(batch)
        with mock.patch.object(
            BatchUpgradeOperationAdmin, "device_upgrades_per_page", 1
        ):
            response = self.client.get(f"{url}?q=device&page=2")
            self.assertContains(response, 'class="pagination"')
            self.assertContains(response, 'href="?q=device&amp;page=1"')
            self.assertEqual(response.context["page_obj"].number, 2)
            for page in ("0", "9", "abc", "-1"):
                response = self.client.get(f"{url}?page={page}")
                self.assertEqual(response.context["page_obj"].number, 1)

    @tag("heavy")
    def test_batch_of_ten_thousand(self):
        env, batch = self._batch()
        model = load_model("UpgradeOperation")
        model.objects.bulk_create(
            (
                model(
                    device=env["d1"],
                    image=env["image2a"],
                    batch=batch,
                    status="success",
                    log="x" * 100,
                )
                for _ in range(9998)
            ),
            batch_size=1000,
        )
        self._login()
        url = change_url(batch)
        self.client.get(url)
        with self.assertPageQueries(7):
            response = self.client.get(f"{url}?page=250")
        self.assertContains(response, "10000 out of 10000")
        self.assertEqual(len(response.context["upgrade_operations"]), 20)

    def test_batch_list_queries(self):
        _env, batch = self._batch()
        model = type(batch)
        place = self._create_location()
        for _ in range(2):
            model.objects.create(build=batch.build, location=place, launched=True)
        self._login()
        url = self._url("batchupgradeoperation", "changelist")
        with self.assertNumQueries(5):
            response = self.client.get(url)
        self.assertContains(response, str(batch.pk))
        self.assertContains(response, "2 out of 2")
        self.assertContains(response, "Apply Filters")
        self.assertEqual(response.context["title"], model._meta.verbose_name_plural)
        with self.assertNumQueries(4):
            response = self.client.get(f"{url}?location={place.pk}")
        self.assertEqual(response.context["cl"].result_count, 2)

    def test_batch_totals(self):
        env, batch = self._batch(status="failed")
        env["o1"].status = "success"
        env["o1"].save()
        batch.created_by = self._get_admin()
        batch.save()
        self._login()
        response = self.client.get(change_url(batch))
        summary = response.context["summary"]
        numbers = {t["status"]: t["number"] for t in summary["totals"]}
        self.assertEqual((numbers["success"], numbers["failed"]), (1, 1))
        self.assertContains(response, "Launched by")
        self.assertRegex(summary["duration"], r"^\d+:\d\d:\d\d$")
        self.assertEqual(summary["time_left"], "")

    def test_time_left(self):
        env, batch = self._batch(status="in-progress", progress=0)
        env["o1"].status = "success"
        env["o1"].save()
        self._login()
        response = self.client.get(change_url(batch))
        self.assertRegex(response.context["summary"]["time_left"], r"^\d+:\d\d:\d\d$")
        found = self.client.get(
            self._url("batchupgradeoperation", "state", batch.pk),
            {"id": str(env["o2"].pk)},
        ).json()
        (message,) = found["messages"]
        self.assertEqual(message["type"], "batch_state")
        self.assertEqual(message["batch_status"]["total"], 2)
        self.assertIn("time_left", message["batch_status"])
        self.assertGreaterEqual(message["batch_status"]["elapsed"], 0)
        self.assertEqual(message["rows"][str(env["o2"].pk)]["attempts"], 0)
        self.assertEqual([o["id"] for o in message["operations"]], [str(env["o2"].pk)])

    def test_duration_beyond_a_day(self):
        _env, batch = self._batch(status="failed")
        began = batch.modified - timedelta(days=1, hours=2, minutes=3, seconds=4)
        type(batch).objects.filter(pk=batch.pk).update(created=began)
        self._login()
        summary = self.client.get(change_url(batch)).context["summary"]
        self.assertEqual(summary["duration"], "26:03:04")

    def test_batch_actions_without_the_api(self):
        env, batch = self._batch(status="in-progress", progress=0)
        self._login()
        with mock.patch.object(app_settings, "FIRMWARE_UPGRADER_API", False):
            response = self.client.get(change_url(batch))
            url = self._url("batchupgradeoperation", "cancel", batch.pk)
            self.assertContains(response, f'action="{url}"')
            response = self.client.post(url, follow=True)
        self.assertContains(response, "2 upgrades were cancelled.")
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")
        response = self.client.post(url, follow=True)
        self.assertContains(response, '<li class="error">')
        url = self._url("batchupgradeoperation", "retry", batch.pk)
        response = self.client.post(url, follow=True)
        again = type(batch).objects.exclude(pk=batch.pk).get()
        self.assertRedirects(response, change_url(again))
        self.assertEqual(again.upgradeoperation_set.count(), 2)
        self.assertEqual(again.created_by.username, "admin")
        env["o1"].refresh_from_db()
        self.assertEqual(env["o1"].status, "cancelled")

    def test_retry_of_what_succeeded(self):
        _env, batch = self._batch()
        self._login()
        url = self._url("batchupgradeoperation", "retry", batch.pk)
        response = self.client.post(url, follow=True)
        self.assertContains(response, "nothing to retry")
        self.assertEqual(type(batch).objects.count(), 1)

    def test_csv(self):
        env, batch = self._batch(status="failed")
        Device.objects.filter(pk=env["d1"].pk).update(name="=1+1")
        self._login()
        url = self._url("batchupgradeoperation", "csv", batch.pk)
        response = self.client.get(url)
        self.assertIn("attachment", response["Content-Disposition"])
        lines = b"".join(response.streaming_content).decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("'=1+1", lines[1])
        self.assertIn("device2", lines[2])
        self.assertIn("last line", lines[2])
        response = self.client.get(f"{url}?q=device2")
        self.assertEqual(len(list(response.streaming_content)), 2)

    # the page of an operation

    def test_operation_page(self):
        env = self._create_upgrade_env()
        operation = self._operation(env, status="failed", log="first\nthe reason")
        self._login()
        response = self.client.get(change_url(operation))
        self.assertContains(response, 'id="upgradeoperation_form"')
        self.assertContains(response, "Last updated:")
        self.assertContains(response, "the reason")
        self.assertContains(response, "Try again")
        self.assertNotContains(response, "field-batch")
        url = self._url("upgradeoperation", "changelist")
        self.assertContains(response, f'href="{url}"')
        self.assertIsNone(response.context.get("batch"))
        self.assertEqual(self._get_add_status(), 403)
        self.assertContains(response, "owUpgradeOperationCancelUrl = ")
        self.assertIn("cancel", response.context["upgrade_operation_cancel_url"])

    def _get_add_status(self):
        return self.client.get(self._url("upgradeoperation", "add")).status_code

    def test_operation_page_without_the_api(self):
        env = self._create_upgrade_env()
        operation = self._operation(env)
        self._login()
        with mock.patch.object(app_settings, "FIRMWARE_UPGRADER_API", False):
            response = self.client.get(change_url(operation))
        self.assertEqual(response.context["upgrade_operation_cancel_url"], "")
        self.assertContains(response, 'var owUpgradeOperationCancelUrl = "";')
        url = self._url("upgradeoperation", "cancel", operation.pk)
        self.assertContains(response, f'action="{url}"')
        response = self.client.post(url, follow=True)
        self.assertContains(response, "The upgrade was cancelled.")
        operation.refresh_from_db()
        self.assertEqual(operation.status, "cancelled")
        response = self.client.post(url, follow=True)
        self.assertContains(response, '<li class="error">')

    def test_operation_retry(self):
        env = self._create_upgrade_env()
        operation = self._operation(env, status="failed")
        self._login()
        url = self._url("upgradeoperation", "retry", operation.pk)
        self.client.post(url)
        model = type(operation)
        new = model.objects.exclude(pk=operation.pk).get()
        self.assertEqual((new.device, new.status), (env["d1"], "in-progress"))
        response = self.client.post(url, follow=True)
        self.assertContains(response, '<li class="error">')
        self.assertEqual(model.objects.count(), 2)

    def test_operation_of_a_batch(self):
        env, batch = self._batch()
        self._login()
        url = change_url(env["o1"])
        with self.assertPageQueries(4):
            response = self.client.get(url)
        self.assertContains(response, "field-batch")
        self.assertEqual(response.context["batch"], batch)
        self.assertContains(response, f'href="{change_url(batch)}"')
        plain = self._url("upgradeoperation", "changelist")
        self.assertNotContains(response, f'href="{plain}"')
        self.assertContains(response, '<div class="breadcrumbs">', 1)
        path = "openwisp_firmware_upgrader.admin.BatchUpgradeOperationAdmin"
        with mock.patch(f"{path}.has_view_permission", return_value=False):
            response = self.client.get(url)
        self.assertIs(response.context["batch_has_view_permission"], False)
        crumbs = response.content.decode().split('<div class="breadcrumbs">')[1]
        crumbs = crumbs.split("</div>")[0]
        self.assertNotIn(change_url(batch), crumbs)
        self.assertIn(str(batch), crumbs)

    def test_operation_of_a_shared_mass_upgrade_links_nowhere(self):
        env, batch, other = self._shared_batch()
        self._create_administrator([other])
        self._login("administrator")
        response = self.client.get(change_url(env["o2"]))
        self.assertContains(response, str(batch))
        self.assertNotContains(response, change_url(batch))
        self.assertNotContains(response, "field-batch")
        self.assertIs(response.context["batch_has_view_permission"], False)
        # tried again it belongs to a new mass upgrade of the shared build
        url = self._url("upgradeoperation", "retry", env["o2"].pk)
        type(env["o2"]).objects.update(status="failed")
        response = self.client.post(url, follow=True)
        self.assertContains(response, "track the progress")
        self.assertEqual(response.context["original"].device, env["d2"])

    def test_field_lists_are_never_changed_by_a_request(self):
        env, _batch = self._batch()
        self._login()
        single = self._operation(env, status="success")
        model_admin = admin.site._registry[type(single)]
        before = list(model_admin.fields)
        self.client.get(change_url(env["o1"]))
        response = self.client.get(change_url(single))
        self.assertNotContains(response, "field-batch")
        self.assertEqual(model_admin.fields, before)
        self.assertIs(
            UpgradeOperationInline.readonly_fields, UpgradeOperationForm.Meta.fields
        )

    def test_options_are_shown(self):
        env = self._create_upgrade_env()
        operation = self._operation(env, upgrade_options={"c": True, "x": True})
        self._login()
        response = self.client.get(change_url(operation))
        self.assertContains(response, '<ul class="readonly-upgrade-options">')
        title = OpenWrt.SCHEMA["properties"]["c"]["title"]
        icon = '<img src="/static/admin/img/icon-yes.svg" alt="yes">'
        self.assertInHTML(f"<li>{icon}{title}</li>", response.content.decode())
        self.assertContains(response, "icon-yes.svg", 1)
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            response = self.client.get(change_url(operation))
        self.assertContains(response, "Upgrade options are not supported")
        env["d1"].deviceconnection_set.all().delete()
        response = self.client.get(change_url(operation))
        self.assertEqual(response.status_code, 200)
        self.assertNotContains(response, "readonly-upgrade-options")

    def test_operation_state(self):
        env = self._create_upgrade_env()
        operation = self._operation(env)
        self._login()
        url = self._url("upgradeoperation", "state", operation.pk)
        with self.assertNumQueries(3):
            (message,) = self.client.get(url).json()["messages"]
        self.assertEqual(message["type"], "operation_update")
        self.assertEqual(message["operation"]["id"], str(operation.pk))
        self.assertEqual(message["phase"], "queued")
        url = self._url("upgradeoperation", "device_state", env["d1"].pk)
        (message,) = self.client.get(url).json()["messages"]
        self.assertEqual(message["operation"]["id"], str(operation.pk))

    def test_operation_list_queries(self):
        env, batch = self._batch()
        model = load_model("UpgradeOperation")
        for _ in range(98):
            model.objects.create(
                device=env["d1"], image=env["image2a"], batch=batch, status="failed"
            )
        self._login()
        url = self._url("upgradeoperation", "changelist")
        with self.assertNumQueries(5):
            response = self.client.get(url)
        self.assertEqual(len(response.context["cl"].result_list), 100)
        for query, number in (
            (f"device__organization={self._get_org().pk}", 100),
            (f"batch_id={batch.pk}", 100),
            (f"image__build={env['build1'].pk}", 0),
            ("status__exact=failed", 98),
            ("q=device2", 1),
        ):
            response = self.client.get(f"{url}?{query}")
            self.assertEqual(response.context["cl"].result_count, number, query)

    # deletion

    def test_what_is_in_progress_is_not_deleted(self):
        env, batch = self._batch(status="in-progress", progress=0)
        self._login()
        for model, obj in (
            ("upgradeoperation", env["o1"]),
            ("batchupgradeoperation", batch),
        ):
            url = self._url(model, "delete", obj.pk)
            self.assertNotContains(self.client.get(change_url(obj)), url)
            self.assertEqual(self.client.get(url).status_code, 403)
            response = self.client.post(url, {"post": "yes"})
            self.assertEqual(response.status_code, 403)
            changelist = self._url(model, "changelist")
            self.assertContains(
                self.client.get(changelist), '<option value="delete_selected">'
            )
            data = {
                "action": "delete_selected",
                "_selected_action": str(obj.pk),
                "post": "yes",
            }
            response = self.client.post(changelist, data, follow=True)
            self.assertContains(response, "still in progress")
            self.assertTrue(type(obj).objects.filter(pk=obj.pk).exists())

    def test_what_a_worker_still_tidies_up_is_not_deleted(self):
        env = self._create_upgrade_env()
        operation = self._operation(
            env, status="cancelled", lease_expires_at=timezone.now()
        )
        self._login()
        url = self._url("upgradeoperation", "delete", operation.pk)
        self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)
        data = {
            "action": "delete_selected",
            "_selected_action": str(operation.pk),
            "post": "yes",
        }
        url = self._url("upgradeoperation", "changelist")
        response = self.client.post(url, data, follow=True)
        self.assertContains(response, "still in progress")
        operation.refresh_from_db()

    def test_who_may_only_look_cannot_cancel(self):
        env = self._create_upgrade_env()
        operation = self._operation(env)
        self._create_operator([self._get_org()])
        self._login("operator")
        response = self.client.get(change_url(operation))
        self.assertContains(response, 'var owUpgradeOperationCancelUrl = "";')
        self.assertNotContains(response, "operation-cancel")
        self.assertNotContains(response, "operation-retry")

    def test_what_has_ended_is_deleted(self):
        env, batch = self._batch(status="failed")
        self._login()
        url = self._url("upgradeoperation", "delete", env["o1"].pk)
        self.assertContains(self.client.get(change_url(env["o1"])), url)
        self.assertEqual(self.client.get(url).status_code, 200)
        self.client.post(url, {"post": "yes"})
        model = load_model("UpgradeOperation")
        self.assertEqual(model.objects.count(), 1)
        data = {
            "action": "delete_selected",
            "_selected_action": str(batch.pk),
            "post": "yes",
        }
        url = self._url("batchupgradeoperation", "changelist")
        self.client.post(url, data)
        self.assertFalse(type(batch).objects.exists())
        self.assertFalse(model.objects.exists())

    def test_deletion_needs_the_permission(self):
        env, batch = self._batch(status="failed")
        self._create_operator([self._get_org()])
        self._login("operator")
        for obj in (env["o1"], batch):
            response = self.client.get(change_url(obj))
            self.assertEqual(response.status_code, 200)
            self.assertNotContains(response, "deletelink")
        response = self.client.get(self._url("upgradeoperation", "changelist"))
        self.assertNotContains(response, '<option value="delete_selected">')

    def _cascades(self, env):
        build, category = env["build2"], env["category"]
        yield self._url("build", "delete", build.pk)
        yield self._url("category", "delete", category.pk)
        options = load_any_model("openwisp_users", "Organization")._meta
        yield reverse(
            f"admin:{options.app_label}_{options.model_name}_delete",
            args=[self._get_org().pk],
        )

    def test_cascade_delete_with_in_progress_operation(self):
        env, batch = self._batch(status="in-progress", progress=0)
        self._login()
        for url in self._cascades(env):
            response = self.client.get(url)
            self.assertContains(response, "account doesn't have permission")
            self.assertContains(response, '<li class="error">', 1)
            names = {str(name) for name in response.context["perms_lacking"]}
            self.assertTrue(
                names & {"upgrade operation", str(batch._meta.verbose_name)}, url
            )
            self.client.post(url, {"post": "yes"})
            batch.refresh_from_db()
            # takes the message of the refusal away
            self.client.get(self.build_list_url)

    def test_cascade_of_a_single_operation_keeps_its_build(self):
        env = self._create_upgrade_env()
        self._operation(env)
        self._login()
        url = self._url("build", "delete", env["build2"].pk)
        response = self.client.get(url)
        self.assertIn("upgrade operation", response.context["perms_lacking"])
        data = {
            "action": "delete_selected",
            "_selected_action": str(env["build2"].pk),
            "post": "yes",
        }
        self.client.post(self.build_list_url, data)
        env["build2"].refresh_from_db()
        self.client.post(url, {"post": "yes"})
        env["build2"].refresh_from_db()

    def test_build_delete_when_all_has_ended(self):
        env, batch = self._batch(status="failed")
        self._login()
        url = self._url("build", "delete", env["build2"].pk)
        response = self.client.get(url)
        self.assertFalse(response.context["perms_lacking"])
        self.client.post(url, {"post": "yes"})
        self.assertFalse(type(batch).objects.exists())

    def _delete_device(self, device, **data):
        url = reverse(f"admin:{self.config_app_label}_device_changelist")
        data = {
            "action": "delete_selected",
            "_selected_action": str(device.pk),
            **data,
        }
        return self.client.post(url, data, follow=True)

    def test_device_with_a_running_operation_is_not_deleted(self):
        self._login()
        env = self._create_upgrade_env()
        operation = self._operation(env)
        env["d1"].deactivate()
        response = self._delete_device(env["d1"])
        self.assertContains(response, "Cannot delete Device")
        self.assertContains(response, "upgrade operation")
        self._delete_device(env["d1"], post="yes")
        env["d1"].refresh_from_db()
        operation.refresh_from_db()

    def test_device_whose_operations_have_ended_is_deleted(self):
        self._login()
        env = self._create_upgrade_env()
        operation = self._operation(env, status="failed")
        env["d1"].deactivate()
        env["d1"].config.set_status_deactivated()
        response = self._delete_device(env["d1"])
        self.assertEqual(response.context["perms_lacking"], set())
        self.assertNotContains(response, "Cannot delete")
        self.assertNotContains(response, "upgrade operation")
        self._delete_device(env["d1"], post="yes")
        self.assertFalse(Device.objects.filter(pk=env["d1"].pk).exists())
        self.assertFalse(type(operation).objects.filter(pk=operation.pk).exists())

    def test_organization_whose_operations_have_ended_is_deleted(self):
        self._login()
        env, batch = self._batch(status="failed")
        for name in ("d1", "d2"):
            env[name].deactivate()
            env[name].config.set_status_deactivated()
        *_rest, url = self._cascades(env)
        response = self.client.post(url, {"post": "yes"})
        self.assertEqual(response.status_code, 302)
        self.assertFalse(type(batch).objects.exists())
        self.assertFalse(load_model("UpgradeOperation").objects.exists())

    # the rest

    def test_menu(self):
        self._login()
        response = self.client.get(reverse("admin:password_change"))
        for model in ("build", "category", "batchupgradeoperation"):
            url = self._url(model, "changelist")
            self.assertContains(response, f'class="mg-link" href="{url}"')
        self.assertContains(
            response, '<div class="mg-dropdown-label">Firmware </div>', html=True
        )
        url = self._url("upgradeoperation", "changelist")
        self.assertContains(response, f'class="mg-link" href="{url}?')
        self.assertNotContains(response, f'href="{url}"')

    def test_menu_follows_permissions(self):
        self._create_operator([self._get_org()])
        self._login("operator")
        response = self.client.get(reverse("admin:password_change"))
        self.assertNotContains(response, self._url("category", "changelist"))
        self.assertContains(response, self._url("build", "changelist"))
        user = self._create_user(
            username="nobody", email="nobody@example.org", is_staff=True
        )
        user.user_permissions.add(Permission.objects.get(codename="view_device"))
        self.client.force_login(user)
        response = self.client.get(reverse("admin:password_change"))
        self.assertNotContains(response, self._url("upgradeoperation", "changelist"))

    def test_public_lists_stay_lists(self):
        for name, attributes in (
            ("CategoryAdmin", ("list_display", "list_filter", "search_fields")),
            ("BuildAdmin", ("list_display", "ordering", "actions", "inlines")),
            ("BatchUpgradeOperationAdmin", ("fields", "readonly_fields", "ordering")),
            ("UpgradeOperationAdmin", ("fields", "readonly_fields", "list_display")),
        ):
            from .. import admin as facade

            for attribute in attributes:
                value = getattr(getattr(facade, name), attribute)
                self.assertIsInstance(value, list, (name, attribute))

    def test_admins_can_be_replaced(self):
        with ExitStack() as stack:
            for model, parent in (
                ("Build", BuildAdmin),
                ("Category", CategoryAdmin),
                ("BatchUpgradeOperation", BatchUpgradeOperationAdmin),
            ):
                found = load_model(model)
                before = admin.site._registry[found]
                admin.site.unregister(found)
                admin.site.register(found, type("Own", (parent,), {}))
                stack.callback(admin.site._registry.__setitem__, found, before)
            _env, batch = self._batch()
            self._login()
            self.assertEqual(self.client.get(change_url(batch)).status_code, 200)
            self.assertEqual(self.client.get(self.build_list_url).status_code, 200)


class TestAdminTransaction(BaseTestAdmin, TransactionTestCase):
    """Launches whose operations really run."""

    def _run(self, **kwargs):
        stack = ExitStack()
        stack.enter_context(mock.patch(self._mock_upgrade, return_value=True))
        stack.enter_context(mock.patch(self._mock_connect, return_value=True))
        return stack

    def test_launch_from_the_confirmation_page(self):
        self._login()
        env = self._create_upgrade_env()
        with self._run():
            response = self._launch(
                env["build2"], upgrade_related="1", upgrade_options='{"c": true}'
            )
        batch = load_model("BatchUpgradeOperation").objects.get()
        self.assertRedirects(response, change_url(batch))
        self.assertEqual(batch.status, "success")
        for operation in batch.upgradeoperation_set.all():
            self.assertEqual(operation.upgrade_options, {"c": True})

    def test_shared_build_upgrades_all_organizations(self):
        self._login()
        category = self._create_category(name="shared", organization=None)
        env = self._create_upgrade_env(device_firmware=False, category=category)
        other = self._create_org(name="other", slug="other")
        Device.objects.filter(pk=env["d2"].pk).update(organization=other)
        with self._run():
            self._launch(env["build2"], upgrade_all="1")
        rows = load_model("DeviceFirmware").objects.filter(installed=True)
        self.assertEqual(rows.count(), 2)
        self.assertEqual(load_model("UpgradeOperation").objects.count(), 2)
