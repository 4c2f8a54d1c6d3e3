"""What the tests of this app, and of apps derived from it, build upon."""

from __future__ import annotations

import hashlib
import os
import unittest
from pathlib import Path
from unittest import mock

from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openwisp_controller.connection.tests.utils import CreateConnectionsMixin
from openwisp_users.tests.utils import TestMultitenantAdminMixin
from swapper import load_model as load_any_model

from .. import settings as app_settings
from ..hardware import FIRMWARE_IMAGE_MAP
from ..swapper import load_model
from ..testing import make_image
from . import browser

try:
    from openwisp_utils.tests import SeleniumTestMixin as BaseSeleniumTestMixin
except ImportError:  # an extra that only tests in a browser need
    BaseSeleniumTestMixin = object

Build = load_model("Build")
Category = load_model("Category")
DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
Device = load_any_model("config", "Device")
DeviceGroup = load_any_model("config", "DeviceGroup")
Credentials = load_any_model("connection", "Credentials")
DeviceConnection = load_any_model("connection", "DeviceConnection")

# seconds a browser may take until a page shows what it should
PATIENCE = 30

FAKE_IMAGES = {"fake-img.bin": 0, "fake-img2.bin": 69}


def spy_mock(method, pre_action):
    """Wraps a method: records the call, runs ``pre_action``, then the method.

    The calls are recorded on the attribute ``mock`` of what is returned.
    """
    recorder = mock.MagicMock()

    def wrapper(*args, **kwargs):
        recorder(*args, **kwargs)
        pre_action(*args, **kwargs)
        return method(*args, **kwargs)

    wrapper.mock = recorder
    return wrapper


class TestUpgraderMixin(CreateConnectionsMixin):
    """Makes categories, builds, images, devices and their connections."""

    FAKE_IMAGE_PATH = os.path.join(
        str(app_settings.PRIVATE_STORAGE_INSTANCE.location), "fake-img.bin"
    )
    FAKE_IMAGE_PATH2 = os.path.join(
        str(app_settings.PRIVATE_STORAGE_INSTANCE.location), "fake-img2.bin"
    )
    TPLINK_4300_IMAGE = "ath79-generic-tplink_tl-wdr4300-v1-squashfs-sysupgrade.bin"
    TPLINK_4300_IL_IMAGE = (
        "ath79-generic-tplink_tl-wdr4300-v1-il-squashfs-sysupgrade.bin"
    )

    @classmethod
    def setUpClass(cls):
        """Writes the two fake images."""
        super().setUpClass()
        for path in (cls.FAKE_IMAGE_PATH, cls.FAKE_IMAGE_PATH2):
            size = FAKE_IMAGES[os.path.basename(path)]
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            if not os.path.exists(path) or os.path.getsize(path) != size:
                Path(path).write_bytes(b"x" * size)

    def tearDown(self):
        """Deletes the images and so their files."""
        for image in load_model("FirmwareImage").objects.all():
            image.delete()
        super().tearDown()

    def _create_category(self, **kwargs):
        options = {"name": "Test Category"}
        options.update(kwargs)
        if "organization" not in options:
            options["organization"] = self._get_org()
        return self._saved(load_model("Category")(**options))

    def _get_category(self, cat_name="Test Category", **kwargs):
        model = load_model("Category")
        try:
            return model.objects.get(name=cat_name, **kwargs)
        except model.DoesNotExist:
            return self._create_category(name=cat_name, **kwargs)

    def _create_build(self, **kwargs):
        options = {"version": "0.1", **kwargs}
        owner = {}
        if "organization" in options:
            owner = {"organization": options.pop("organization")}
        if "category" not in options:
            options["category"] = self._get_category(**owner)
        return self._saved(load_model("Build")(**options))

    def _get_build(self, version="0.1", **kwargs):
        model = load_model("Build")
        try:
            return model.objects.get(version=version, **kwargs)
        except model.DoesNotExist:
            return self._create_build(version=version, **kwargs)

    def _create_firmware_image(self, **kwargs):
        options = {"type": self.TPLINK_4300_IMAGE, **kwargs}
        owner = {}
        if "organization" in options:
            owner = {"organization": options.pop("organization")}
        if "build" not in options:
            options["build"] = self._get_build(category=self._get_category(**owner))
        if "file" not in options:
            options["file"] = self._get_simpleuploadedfile()
        return self._saved(load_model("FirmwareImage")(**options))

    def _get_simpleuploadedfile(self, filename=None):
        content = Path(filename or self.FAKE_IMAGE_PATH).read_bytes()
        return SimpleUploadedFile(
            name=f"openwrt-{self.TPLINK_4300_IMAGE}",
            content=content,
            content_type="application/octet-stream",
        )

    def _create_device_firmware(self, upgrade=False, device_connection=True, **kwargs):
        options = dict(kwargs)
        if "image" not in options:
            options["image"] = self._create_firmware_image()
        if "device" not in options:
            owner = options["image"].build.category.organization
            options["device"] = self._create_device(
                organization=owner or self._get_org(), model=self._model_of(options)
            )
            self._create_config(device=options["device"])
        if device_connection:
            self._create_device_connection(device=options["device"])
        row = load_model("DeviceFirmware")(**options)
        row.full_clean()
        row.save(upgrade=upgrade)
        return row

    def _model_of(self, options):
        return options["image"].boards[0]

    def _create_upgrade_env(
        self, device_firmware=True, upgrade_operation=False, **kwargs
    ):
        owner = kwargs.pop("organization", self._get_org())
        category = kwargs.pop("category", None) or self._get_category(
            organization=owner
        )
        found = {"category": category}
        for number in (1, 2):
            build = self._create_build(category=category, version=f"0.{number}")
            found[f"build{number}"] = build
            for letter, kind in zip("ab", self._types(), strict=True):
                found[f"image{number}{letter}"] = self._create_firmware_image(
                    build=build, type=kind
                )
        login = self._get_credentials(organization=None)
        macs = ("00:22:bb:33:cc:44", "00:11:bb:22:cc:33")
        for number, (mac, kind) in enumerate(zip(macs, self._types(), strict=True), 1):
            device = self._create_device(
                name=f"device{number}",
                organization=owner,
                mac_address=mac,
                model=FIRMWARE_IMAGE_MAP[kind]["boards"][0],
            )
            self._create_config(device=device)
            self._create_device_connection(device=device, credentials=login)
            found[f"d{number}"] = device
            if device_firmware:
                image = found[f"image1{'ab'[number - 1]}"]
                found[f"device_fw{number}"] = self._create_device_firmware(
                    device=device,
                    image=image,
                    device_connection=False,
                    upgrade=upgrade_operation,
                )
        return found

    def _types(self):
        return self.TPLINK_4300_IMAGE, self.TPLINK_4300_IL_IMAGE

    def _create_firmwareless_device(self, organization):
        device = self._create_device(
            name="firmwareless",
            mac_address="01:12:23:44:55:66",
            organization=organization,
        )
        self._create_config(device=device)
        self._create_device_connection(
            device=device, credentials=Credentials.objects.first()
        )
        return device

    def _create_device_with_connection(self, **kwargs):
        device = self._create_device(**kwargs)
        self._create_config(device=device)
        self._create_device_connection(device=device)
        return device

    def _create_device_group(self, **kwargs):
        options = {"name": "Test Group", **kwargs}
        if "organization" not in options:
            options["organization"] = self._get_org()
        return self._saved(DeviceGroup(**options))

    def _saved(self, instance):
        instance.full_clean()
        instance.save()
        return instance

    def _real_image_file(self, name="openwrt.bin", **options):
        """Returns an upload with valid fwtool metadata."""
        content = make_image(options.pop("size", 262144), **{"seed": 1, **options})
        file = SimpleUploadedFile(name, content, "application/octet-stream")
        file.sha256 = hashlib.sha256(content).hexdigest()
        return file


class FirmwareDownloadPermissionTestMixin(TestMultitenantAdminMixin):
    """Who may download an image; subclasses say from where.

    ``self.image`` is the image. ``expected_queries`` holds the largest number of
    queries by case, None for uncounted.
    """

    expected_queries: dict[str, int | None] = {
        "unauthenticated": None,
        "no_permissions": None,
        "authenticated_no_permission": None,
        "different_org": None,
        "staff_no_permissions": None,
        "staff_different_org": None,
        "staff_with_permission": None,
        "operator_same_org": None,
        "superuser": None,
    }

    def get_download_url(self):
        """Returns the URL of the download under test."""
        raise NotImplementedError

    def _get_download_client(self, user):
        """Returns a client that asks as a user."""
        self.client.force_login(user)
        return self.client

    def _assert_download(self, case, status, user=None):
        client = self.client if user is None else self._get_download_client(user)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(self.get_download_url())
            # a file stays open until its response was read to the end
            content = response.getvalue()
        self.assertEqual(response.status_code, status, case)
        if status == 200:
            with self.image.file.open() as file:
                self.assertEqual(content, file.read())
        allowed = self.expected_queries.get(case)
        if allowed is not None:
            self.assertLessEqual(len(queries), allowed, queries.captured_queries)
        return response

    def _download_user(self, name, organization=None, permission=False, **kwargs):
        user = self._create_user(
            username=name, email=f"{name}@example.org", **{"is_staff": True, **kwargs}
        )
        if organization is not None:
            self._create_org_user(user=user, organization=organization, is_admin=True)
        if permission:
            options = load_model("FirmwareImage")._meta
            user.user_permissions.add(
                Permission.objects.get(
                    content_type__app_label=options.app_label,
                    codename=f"view_{options.model_name}",
                )
            )
        # memberships are cached, as they are for whoever has been here before
        self.assertIsNotNone(user.organizations_dict)
        return user

    def test_download_anonymous(self):
        self._assert_download("unauthenticated", 401)

    def test_download_user_without_permissions(self):
        user = self._download_user("nothing", is_staff=False)
        self._assert_download("no_permissions", 403, user)

    def test_download_member_without_permission(self):
        user = self._download_user("plain", is_staff=False)
        self._create_org_user(user=user, organization=self._get_org(), is_admin=False)
        self.assertIsNotNone(user.organizations_dict)
        self._assert_download("authenticated_no_permission", 403, user)

    def test_download_user_of_another_organization(self):
        self._create_org(name="different", slug="different")
        user = self._download_user("different", is_staff=False)
        self._assert_download("different_org", 403, user)

    def test_download_staff_without_permission(self):
        self._assert_download("staff_no_permissions", 403, self._download_user("staff"))

    def test_download_staff_of_another_organization(self):
        other = self._create_org(name="other", slug="other")
        user = self._download_user("foreign", other)
        self._assert_download("staff_different_org", 403, user)

    def test_download_operator_without_organization(self):
        user = self._create_operator()
        self._assert_download("staff_with_permission", 403, user)

    def test_download_operator(self):
        user = self._create_operator([self._get_org()])
        self._assert_download("operator_same_org", 200, user)

    def test_download_superuser(self):
        self._assert_download("superuser", 200, self._get_admin())

    def test_download_operator_of_another_organization(self):
        other = self._create_org(name="other", slug="other")
        user = self._create_operator([other])
        self._assert_download("operator_other_org", 403, user)


class SeleniumTestMixin(BaseSeleniumTestMixin):
    """What tests in a real browser share: headless Chromium, no second chances."""

    browser = "chrome"
    retry_max = 0

    @classmethod
    def setUpClass(cls):
        if reason := browser.why_not():
            raise unittest.SkipTest(reason)
        super().setUpClass()

    @classmethod
    def get_chrome_webdriver(cls):
        return browser.start()

    def wait_for(self, method, by, value, timeout=2, driver=None):
        """Waits longer than its base does: a busy machine is no failure."""
        return super().wait_for(method, by, value, max(timeout, PATIENCE), driver)

    def login(self, username=None, password=None, driver=None):
        """Logs in and waits until that is done.

        Its base may still see the form, and the next page asked for would then
        interrupt the login.
        """
        super().login(username, password, driver)
        self.wait_until(
            lambda window: "/admin/login/" not in window.current_url,
            timeout=PATIENCE,
            driver=driver,
        )
        self._wait_until_page_ready(driver=driver)

    def _wait_until_page_ready(
        self, html_container="#main-content", timeout=5, driver=None
    ):
        patience = max(timeout, PATIENCE)
        super()._wait_until_page_ready(html_container, patience, driver)

    def _assert_no_js_errors(self, ignore_websockets=False):
        found = [
            entry
            for entry in self.web_driver.get_log("browser")
            if entry["level"] == "SEVERE"
            and not (ignore_websockets and "WebSocket" in entry["message"])
        ]
        self.assertEqual(found, [])


def change_url(instance):
    """Returns the admin page of an object."""
    options = instance._meta
    name = f"admin:{options.app_label}_{options.model_name}_change"
    return reverse(name, args=[instance.pk])
