"""The device page in a real browser, for this app and for apps derived from it.

Runs where pages and sockets can be served by another process: with a database
in a file (``FIRMWARE_SQLITE_TEST_NAME``) and with Redis (``REDIS_URL``), as
``./runtests browser`` does.
"""

import unittest
from unittest import mock

from channels.testing import ChannelsLiveServerTestCase
from django.conf import settings
from django.db import connection
from django.test import tag
from django.urls import reverse
from swapper import load_model as load_any_model

from ..swapper import load_model
from ..websockets import BatchUpgradeProgressPublisher, UpgradeProgressPublisher
from .base import SeleniumTestMixin, TestUpgraderMixin

Device = load_any_model("config", "Device")
EDITOR = "#devicefirmware-group .jsoneditor-wrapper"


@tag("selenium_tests")
class TestDeviceAdmin(TestUpgraderMixin, SeleniumTestMixin, ChannelsLiveServerTestCase):
    config_app_label = "config"

    @classmethod
    def setUpClass(cls):
        if cls._is_in_memory_db(connection):
            raise unittest.SkipTest("needs a database in a file")
        if "InMemory" in settings.CHANNEL_LAYERS["default"]["BACKEND"]:
            raise unittest.SkipTest("needs a channel layer for several processes")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        # nobody upgrades anything here
        publish = mock.patch("openwisp_firmware_upgrader.state.wakeups._publish")
        publish.start()
        self.addCleanup(publish.stop)
        self.addCleanup(self.web_driver.delete_all_cookies)

    def _device_page(self, device, tab):
        name = f"admin:{self.config_app_label}_device_change"
        self.open(f"{reverse(name, args=[device.pk])}#{tab}")

    def _page(self, instance):
        options = instance._meta
        name = f"admin:{options.app_label}_{options.model_name}_change"
        self.open(reverse(name, args=[instance.pk]))

    def _connected(self, handle):
        self.wait_for_script(f"return window.{handle}?.readyState === 1", timeout=30)

    def _operation(self, env, **values):
        device = env["d1"]
        values = {"status": "in-progress", "progress": 30, **values}
        return load_model("UpgradeOperation").objects.create(
            device=device, image=env["image1a"], **values
        )

    def test_options_appear_with_the_choice_of_an_image(self):
        env = self._create_upgrade_env()
        self.login()
        self._device_page(env["d1"], "devicefirmware-group")
        css = "css selector"
        self.wait_for_invisibility(css, EDITOR)
        select = self.find_element(css, "#id_devicefirmware-0-image", timeout=10)
        choose = "arguments[0].value = arguments[1];"
        choose += "django.jQuery(arguments[0]).trigger('change');"
        pk = str(env["image2a"].pk)
        self.web_driver.execute_script(choose, select, pk)
        self.wait_for_visibility(css, EDITOR, timeout=10)
        self.web_driver.execute_script(choose, select, "")
        self.wait_for_invisibility(css, EDITOR)
        self.web_driver.execute_script(choose, select, pk)
        self.wait_for_visibility(css, EDITOR)

    def test_recent_operations_are_updated_live(self):
        env = self._create_upgrade_env()
        operation = self._operation(env)
        self.login()
        self._device_page(env["d1"], "upgradeoperation_set-group")
        css = "css selector"
        self.find_element(css, ".upgrade-status-in-progress", timeout=10)
        self._connected("upgradeProgressWebSocket")
        UpgradeProgressPublisher(env["d1"].pk, operation.pk).publish_operation_update(
            {
                "id": str(operation.pk),
                "status": "failed",
                "progress": 30,
                "log": "first\n<b>bold</b>",
                "modified": operation.modified.isoformat(),
            }
        )
        self.find_element(css, ".upgrade-status-failed", timeout=10)
        log = self.find_element(css, ".field-log .readonly")
        self.assertIn("first<br>&lt;b&gt;bold", log.get_attribute("innerHTML"))
        fill = self.find_element(css, ".upgrade-progress-fill.failed")
        self.assertEqual(fill.get_attribute("style"), "width: 100%;")
        self.assertEqual(
            self.web_driver.find_elements(css, ".upgrade-progress-text"), []
        )

    def test_rows_of_a_mass_upgrade_are_added_live(self):
        env = self._create_upgrade_env()
        batch = load_model("BatchUpgradeOperation").objects.create(
            build=env["build2"], status="in-progress"
        )
        self.login()
        self._page(batch)
        self._connected("batchUpgradeProgressWebSocket")
        operation = self._operation(env, batch=batch)
        name = "<i>named</i>"
        BatchUpgradeProgressPublisher(batch.pk).publish_operation_progress(
            operation.pk,
            "success",
            100,
            operation.modified,
            {"device_id": env["d1"].pk, "device_name": name, "image_name": "x"},
        )
        css = "css selector"
        row = f'td.status-cell[data-operation-id="{operation.pk}"]'
        self.find_element(css, row, timeout=10)
        link = self.find_element(css, ".results-container .device-link")
        self.assertIn(str(operation.pk), link.get_attribute("href"))
        self.assertEqual(self.web_driver.find_elements(css, "td i"), [])
