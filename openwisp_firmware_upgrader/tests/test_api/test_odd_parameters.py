"""Odd values in addresses of the REST API: refused, never an error 500."""

import logging
import re
from urllib.parse import quote

from django.db import transaction
from django.test import TestCase, tag

from ...api.urls import urlpatterns
from ...swapper import load_model
from ..pages import thinned
from .base import NOWHERE, TestAPIUpgraderMixin

VALUES = ("a%00", "%FF%FE", "%ED%A0%80", quote("²"), "9" * 5000, "abc", "")
NAMES = (
    "organization search ordering page page_size format device image status batch "
    "group location build category version os type created created_after "
    "modified_before device__organization device__organization__slug upgrade_all "
    "summary conflict"
)


@tag("heavy")
class TestOddParameters(TestAPIUpgraderMixin, TestCase):
    """A superuser and an administrator, each address with each odd value."""

    def setUp(self):
        super().setUp()
        self.client.raise_request_exception = False
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.env = self._create_upgrade_env()
        self.operation = self._operation(
            self.env["d1"], self.env["image1a"], status="failed"
        )
        self.failures = []

    def _ask(self, method, url, **kwargs):
        with transaction.atomic():
            response = getattr(self.client, method)(url, **kwargs)
            transaction.set_rollback(True)
        if response.status_code >= 500:
            error = getattr(response, "exc_info", ("", "", ""))[1]
            self.failures.append((method, url[:150], repr(error)[:150]))

    def _addresses(self):
        base = self._url("category_list").rpartition("category/")[0]
        keys = {
            "device": self.env["d1"].pk,
            "upgrade-operation": self.operation.pk,
            "category": self.env["category"].pk,
            "build": self.env["build1"].pk,
        }
        (routes,) = urlpatterns
        for pattern in routes.url_patterns:
            text = str(pattern.pattern)
            found = [key for name, key in keys.items() if name in text]
            key = str(found[0] if found else NOWHERE)
            yield base, re.sub(r"<[^>]+>", key, text), text

    def _urls(self):
        for base, path, text in self._addresses():
            for name in NAMES.split():
                for value in VALUES[:3] if name != "page" else VALUES:
                    yield f"{base}{path}?{name}={value}"
            if "<" in text:
                yield from (base + re.sub(r"<[^>]+>", value, text) for value in VALUES)

    def test_s8_odd_parameters(self):
        for login in (self._login_superuser, lambda: self._login(self.administrator)):
            login()
            for url in thinned(self._urls()):
                self._ask("get", url)
            self.assertEqual(self.failures, [])

    def test_s8_odd_options_in_a_form(self):
        url = self._url("build_batch_upgrade", self.env["build2"].pk)
        for options in (
            "[" * 100000,
            '{"c": "\\u0000"}',
            '"\\ud800"',
            "NaN",
            "9" * 5000,
        ):
            response = self.client.post(url, {"upgrade_options": options})
            self.assertEqual(response.status_code, 400, response.content[:200])
        self.assertFalse(load_model("BatchUpgradeOperation").objects.exists())
