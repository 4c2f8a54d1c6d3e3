"""Every setting of the app is checked, and what is wrong is said with a hint."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

from django.core.checks import run_checks
from django.test import SimpleTestCase, override_settings

from .. import hardware
from .. import settings as app_settings
from ..checks import settings as checks

PREFIX = "OPENWISP_FIRMWARE_UPGRADER"
IMAGE = {"label": "Custom", "boards": ("Board",)}
NO_CLASS = "openwisp_firmware_upgrader.upgraders.openwrt.NoSuch"
INSTANCE = (
    "openwisp_firmware_upgrader.private_storage.storage.file_system_private_storage"
)
STORAGE_CLASS = "private_storage.storage.files.PrivateFileSystemStorage"

# setting -> values that are wrong, each with a word of what must be said
WRONG = {
    "OPENWISP_CUSTOM_OPENWRT_IMAGES": [
        ("text", "list of pairs"),
        (5, "list of pairs"),
        (["name"], "pair"),
        ([("name", {"boards": ("Board",)})], "label"),
        ([("name", {"label": "Custom"})], "boards"),
        ([("name", {**IMAGE, "boards": (5,)})], "boards"),
        ([(5, IMAGE)], "pair"),
    ],
    "OPENWISP_FIRMWARE_UPGRADERS_MAP": [
        ("text", "dictionary"),
        ({"strategy": None}, "path"),
    ],
    f"{PREFIX}_MAX_FILE_SIZE": [("30", "whole number"), (-1, "0 or more"), (1.5, "")],
    f"{PREFIX}_RETRY_OPTIONS": [
        ([], "dictionary"),
        ({"max_retries": "4"}, "max_retries"),
        ({"retry_jitter": 1}, "retry_jitter"),
        ({"retry_backoff": "1"}, "retry_backoff"),
        ({"retry_backoff_max": None}, "retry_backoff_max"),
        ({"default_retry_delay": -1}, "default_retry_delay"),
    ],
    f"{PREFIX}_TASK_TIMEOUT": [("600", "number"), (0, "1 or more"), (True, "number")],
    f"{PREFIX}_LEASE": [
        (60, "dictionary"),
        ({"second": 60}, "second"),
        ({"tick": 0}, "tick"),
    ],
    f"{PREFIX}_CONCURRENCY": [({"totl": 1}, "totl"), ({"total": 0}, "total")],
    f"{PREFIX}_UPLOAD_RATE": [({"per_device": "1"}, "per_device"), (7, "dictionary")],
    f"{PREFIX}_OPENWRT_SETTINGS": [
        ({"reconnect_dealy": 10}, "reconnect_dealy"),
        ({"reconnect_delay": "10"}, "reconnect_delay"),
        ({"reconnect_max_retries": 0}, "reconnect_max_retries"),
        ("reconnect_delay", "dictionary"),
    ],
    f"{PREFIX}_API": [("yes", "True or False"), (None, "True or False")],
    "OPENWISP_FIRMWARE_API_BASEURL": [(None, "text")],
    "OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE": [
        (5, "text"),
        ("no.such.storage", "cannot be imported"),
        (STORAGE_CLASS, "not the instance"),
    ],
}
RIGHT = {
    "OPENWISP_CUSTOM_OPENWRT_IMAGES": [
        None,
        [("name", IMAGE)],
        (["name", {"label": "Custom", "boards": "Board"}],),
    ],
    "OPENWISP_FIRMWARE_UPGRADERS_MAP": [
        {"any": "openwisp_firmware_upgrader.upgraders.openwisp.OpenWisp1"}
    ],
    f"{PREFIX}_MAX_FILE_SIZE": [None, 0, 31457280],
    f"{PREFIX}_RETRY_OPTIONS": [
        {},
        {"max_retries": None, "retry_backoff": True, "retry_jitter": False},
    ],
    f"{PREFIX}_TASK_TIMEOUT": [1500, 0x10],
    f"{PREFIX}_LEASE": [{}, {"seconds": 5, "tick": 2.5}],
    f"{PREFIX}_CONCURRENCY": [None, {"total": 4, "per_batch": None}],
    f"{PREFIX}_UPLOAD_RATE": [{"per_device": 1000}],
    f"{PREFIX}_OPENWRT_SETTINGS": [{}, {"reconnect_delay": 0, "upgrade_timeout": 9.5}],
    f"{PREFIX}_API": [True, False],
    "OPENWISP_FIRMWARE_API_BASEURL": ["/", "https://images.example.com/"],
    "OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE": [INSTANCE],
}


def run():
    """Returns what our checks find."""
    return run_checks(tags=[checks.LABEL])


class TestChecks(SimpleTestCase):
    def test_settings_of_the_project_are_right(self):
        self.assertEqual(run(), [])

    def test_every_setting_that_is_read_is_checked(self):
        text = Path(app_settings.__file__).read_text()
        read = set(re.findall(r'"(OPENWISP_[A-Z_]+)"', text))
        self.assertGreaterEqual(len(read), 12)
        self.assertEqual(read, set(checks.SETTINGS))
        self.assertEqual(read, set(WRONG))
        self.assertEqual(read, set(RIGHT))

    def test_what_is_wrong_is_said_with_a_hint(self):
        for name, cases in WRONG.items():
            for value, word in cases:
                with (
                    self.subTest(name=name, value=value),
                    override_settings(**{name: value}),
                ):
                    found = run()
                    self.assertEqual(len(found), 1, found)
                    self.assertTrue(found[0].is_serious())
                    self.assertEqual(
                        found[0].id, f"{checks.LABEL}.{checks.SETTINGS[name][0]}"
                    )
                    self.assertIn(name, found[0].msg)
                    self.assertIn(word, found[0].msg)
                    self.assertIn(name, found[0].hint)

    def test_what_is_right_is_not_refused(self):
        for name, values in RIGHT.items():
            for value in values:
                with (
                    self.subTest(name=name, value=value),
                    override_settings(**{name: value}),
                ):
                    self.assertEqual(run(), [])

    def test_upgraders_must_be_importable_and_upgrade(self):
        name = "OPENWISP_FIRMWARE_UPGRADERS_MAP"
        for path, word in (
            (NO_CLASS, "NoSuch"),
            ("nowhere.Upgrader", "cannot be imported"),
            (f"{checks.__name__}.CHECKS", "no method upgrade"),
        ):
            with override_settings(**{name: {"strategy": path}}):
                (found,) = run()
            self.assertEqual(found.id, "firmware_upgrader.E022")
            self.assertIn(path, found.msg)
            self.assertIn(word, found.msg)
            self.assertIn(name, found.hint)

    def test_options_of_celery_without_effect_are_named(self):
        options = {"max_retries": 1, "autoretry_for": (Exception,)}
        with override_settings(**{f"{PREFIX}_RETRY_OPTIONS": options}):
            (found,) = run()
        self.assertFalse(found.is_serious())
        self.assertIn("autoretry_for", found.msg)
        self.assertIn("retry_backoff_max", found.hint)

    @override_settings(
        PRIVATE_STORAGE_SERVER="nginx", PRIVATE_STORAGE_INTERNAL_URL="/internal/"
    )
    def test_nginx_needs_its_internal_location(self):
        self.assertEqual(run(), [])
        del checks.settings.PRIVATE_STORAGE_INTERNAL_URL
        (found,) = run()
        self.assertEqual(found.id, "firmware_upgrader.E023")
        self.assertIn("PRIVATE_STORAGE_INTERNAL_URL", found.hint)

    def test_sqlite_without_extensions(self):
        def engine(name):
            databases = {"default": {"ENGINE": name}}
            return mock.patch.object(checks.settings, "DATABASES", databases)

        with mock.patch.object(checks.sqlite3, "Connection", object):
            with engine("openwisp_utils.db.backends.spatialite"):
                (found,) = run()
            with engine("django.contrib.gis.db.backends.postgis"):
                self.assertEqual(run(), [])
        self.assertEqual(found.id, "firmware_upgrader.E002")
        self.assertIn("python3", found.hint)

    def test_unreadable_custom_images_do_not_keep_the_app_from_starting(self):
        for given in (5, "text", [5], [("a", {})], None):
            self.assertEqual(dict(hardware.read_custom(given)), {})
        found = hardware.read_custom([5, ("name", IMAGE)])
        self.assertEqual(list(found), ["name"])
