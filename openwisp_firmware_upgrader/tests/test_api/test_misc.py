import importlib
import json
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.test import TestCase
from django.urls import Resolver404, resolve
from rest_framework.throttling import ScopedRateThrottle

from ... import settings as app_settings
from ... import urls as app_urls
from ...api import views
from ...api.urls import get_api_urls
from ...apps import FirmwareUpdaterConfig
from ...hardware import FIRMWARE_IMAGE_MAP
from ...tests import test_api
from .base import NOWHERE, TestAPIUpgraderMixin

ROUTES = {
    "build_list": (0, "build_list", "BuildListView"),
    "build_detail": (1, "build_detail", "BuildDetailView"),
    "build_batch_upgrade": (1, "api_batch_upgrade", "BuildBatchUpgradeView"),
    "firmware_list": (1, "firmware_image_list", "FirmwareImageListView"),
    "firmware_detail": (2, "firmware_image_detail", "FirmwareImageDetailView"),
    "firmware_download": (2, "firmware_image_download", "FirmwareImageDownloadView"),
    "category_list": (0, "category_list", "CategoryListView"),
    "category_detail": (1, "category_detail", "CategoryDetailView"),
    "batchupgradeoperation_list": (
        0,
        "batch_upgrade_operation_list",
        "BatchUpgradeOperationListView",
    ),
    "batchupgradeoperation_detail": (
        1,
        "batch_upgrade_operation_detail",
        "BatchUpgradeOperationDetailView",
    ),
    "upgradeoperation_list": (
        0,
        "upgrade_operation_list",
        "UpgradeOperationListView",
    ),
    "upgradeoperation_detail": (
        1,
        "upgrade_operation_detail",
        "UpgradeOperationDetailView",
    ),
    "upgradeoperation_cancel": (
        1,
        "upgrade_operation_cancel",
        "UpgradeOperationCancelView",
    ),
    "deviceupgradeoperation_list": (
        1,
        "device_upgrade_operation_list",
        "DeviceUpgradeOperationListView",
    ),
    "devicefirmware_detail": (
        1,
        "device_firmware_detail",
        "DeviceFirmwareDetailView",
    ),
}


class TestApiMisc(TestAPIUpgraderMixin, TestCase):
    def test_names(self):
        for name, (number, function, view_class) in ROUTES.items():
            with self.subTest(name=name):
                url = self._url(name, *[NOWHERE] * number)
                self.assertTrue(url.startswith("/api/v1/firmware-upgrader/"))
                found = resolve(url).func.cls
                # a derived app may serve a view that extends ours
                self.assertTrue(issubclass(found, getattr(views, view_class)))
                ours = getattr(views, function).cls
                self.assertIs(ours, getattr(views, view_class))

    def test_importable(self):
        for name in test_api.ROOMS:
            self.assertTrue(getattr(test_api, name))
        for name in views.__all__:
            self.assertTrue(getattr(views, name))

    def test_paths_that_match_nothing(self):
        base = "/api/v1/firmware-upgrader"
        self._get(f"{base}/build/malformed/", 404)
        self._get(f"{base}/build", 301)

    def test_json_that_cannot_be_used(self):
        device = self._create_device_with_connection()
        build = self._create_build()
        urls = (
            ("post", self._url("category_list")),
            ("put", self._url("category_detail", build.category_id)),
            ("patch", self._url("build_detail", build.pk)),
            ("post", self._url("build_batch_upgrade", build.pk)),
            ("post", self._url("firmware_list", build.pk)),
            ("put", self._url("devicefirmware_detail", device.pk)),
        )
        texts = ("[" * 100_000, '{"organization": "\\ud800"}', '{"\\udfff": 1}', "{")
        for method, url in urls:
            for text in texts:
                with self.subTest(method=method, url=url, text=text[:30]):
                    response = self._json(method, url, text, 400)
                    self.assertEqual(list(response.data), ["detail"])
        pair = json.dumps({"name": "\U0001f600", "organization": str(self.org.pk)})
        self.assertIn("\\ud83d", pair)
        response = self._json("post", self._url("category_list"), pair, 201)
        self.assertEqual(response.data["name"], "\U0001f600")

    def test_without_the_api(self):
        self.addCleanup(importlib.reload, app_urls)
        with mock.patch.object(app_settings, "FIRMWARE_UPGRADER_API", False):
            importlib.reload(app_urls)
            names = [getattr(found, "name", None) for found in app_urls.urlpatterns]
        self.assertEqual(names, ["serve_private_file"])
        with self.assertRaises(Resolver404):
            resolve("/api/v1/firmware-upgrader/nonsense/")

    def test_throttling(self):
        rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
        self.assertIsNone(rates["firmware_upgrader"])
        label = next(
            config.label
            for config in apps.get_app_configs()
            if isinstance(config, FirmwareUpdaterConfig)
        )
        self.assertTrue(label.endswith("firmware_upgrader"))
        name = "rest_framework.throttling.ScopedRateThrottle"
        self.assertIn(name, settings.REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"])
        limited = {**rates, "firmware_upgrader": "2/minute"}
        with mock.patch.object(ScopedRateThrottle, "THROTTLE_RATES", limited):
            self._get(self._url("build_list"))
            self._get(self._url("upgradeoperation_list"))
            response = self._get(self._url("imagetype_list"), 429)
            self.assertIn("Retry-After", response.headers)
            self.assertIn("detail", response.data)
            self._login(None)
            self._get(self._url("build_list"), 401)

    def test_every_view_has_the_scope(self):
        for found in get_api_urls()[0].url_patterns:
            view = found.callback.cls
            self.assertEqual(view.throttle_scope, "firmware_upgrader", view)

    def test_the_default_rate(self):
        from ... import apps as module

        with mock.patch.object(settings, "TESTING", False):
            reloaded = importlib.reload(module)
        self.addCleanup(importlib.reload, module)
        rates = reloaded.FirmwareUpdaterConfig.REST_FRAMEWORK_SETTINGS
        rate = rates["DEFAULT_THROTTLE_RATES"]["firmware_upgrader"]
        self.assertEqual(rate, "1000/minute")

    def test_session_needs_a_csrf_token(self):
        self._login(None)
        client = self.client_class(enforce_csrf_checks=True)
        client.force_login(self.administrator)
        self.assertEqual(client.get(self._url("build_list")).status_code, 200)
        response = client.post(self._url("build_list"), {})
        self.assertEqual(response.status_code, 403)

    def test_owners_are_no_managers(self):
        from openwisp_users.tests.utils import OrganizationOwner

        from .base import OrganizationUser

        user = self._create_administrator(
            [], username="owner", email="owner@example.org"
        )
        member = OrganizationUser.objects.get_or_create(
            user=user, organization=self._create_org(name="owned", slug="owned")
        )[0]
        OrganizationOwner.objects.get_or_create(
            organization=member.organization, defaults={"organization_user": member}
        )
        OrganizationUser.objects.filter(user=user).update(is_admin=False)
        self._login(user)
        self._get(self._url("build_list"), 403)

    def test_managers_of_inactive_organizations(self):
        inactive = self._create_org(name="away", slug="away", is_active=False)
        user = self._create_administrator(
            [inactive], username="away", email="away@example.org"
        )
        self._login(user)
        self._get(self._url("build_list"), 403)

    def test_two_organizations(self):
        other = self._create_org(name="org 2", slug="org-2")
        mine = self._create_build()
        second = self._create_build(
            category=self._create_category(organization=other, name="second")
        )
        self._login_operator(self.org, other)
        found = self._results(self._get(self._url("build_list"), queries=5))
        self.assertEqual(found, [str(second.pk), str(mine.pk)])

    def test_image_types(self):
        url = self._url("imagetype_list")
        response = self._get(url, queries=3, page_size=100)
        self.assertEqual(response.data["count"], len(FIRMWARE_IMAGE_MAP))
        name, entry = next(iter(FIRMWARE_IMAGE_MAP.items()))
        row = response.data["results"][0]
        self.assertEqual((row["type"], row["label"]), (name, entry["label"]))
        self.assertEqual(row["boards"], list(entry["boards"]))
        found = self._get(url, board=entry["boards"][0]).data["results"]
        self.assertIn(name, [row["type"] for row in found])
        self.assertEqual(self._get(url, board="nothing").data["count"], 0)
        self._get(url, organization=self.org.slug)
        self._get(url, 404, page=1000)
        self._get(url, format="api")
        self._login_operator()
        self._get(url)
        self._login_member()
        self._get(url, 403)
        self._login_with(model="FirmwareImage")
        self._get(url, 403)
        self._login(None)
        self._get(url, 401, queries=0)
