"""Odd values in addresses and forms of the admin: refused, never an error 500.

The tables walk through all addresses of our ModelAdmin classes, so what is added
later is in them. PostgreSQL refuses more than SpatiaLite: the tests run on both.
"""

import json
import logging
import re
from itertools import product
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.db import transaction
from django.test import TestCase, tag
from django.urls import reverse

from ..swapper import load_model
from .base import change_url
from .pages import page_data, thinned
from .test_admin import BaseTestAdmin

NIL = "00000000-0000-0000-0000-000000000000"
# more than Python reads as a number
LONG = "9" * 5000
# as they stand in an address: NUL, no UUID, no character, half a pair, "²"
NUL, ODD_BYTES, HALF, SQUARE = "a%00", "%FF%FE", "%ED%A0%80", quote("²")
KEYS = {
    "path": (NUL, "abc", ODD_BYTES, HALF, LONG),
    "str": (NUL, "abc", HALF, LONG),
    "slug": ("group", "location", "x"),
    "uuid": (NIL,),
    "digits": ("0", LONG),
}
FOREIGN_KEYS = (
    "organization",
    "category__organization",
    "category_id",
    "category",
    "build",
    "build_id",
    "build__category",
    "build__category__organization",
    "group",
    "group_id",
    "location_id",
    "device",
    "device__organization",
    "batch_id",
    "image__build",
    "pk",
    "id__in",
)
# parameters of any page, and what is odd about them
PARAMETERS = {
    **dict.fromkeys(("q", "status", "term", "version", "search"), (NUL, HALF)),
    **dict.fromkeys(("p", "page"), (NUL, SQUARE, LONG, "-1")),
    **dict.fromkeys(("_to_field", "_popup", "_changelist_filters"), (NUL, "")),
    "id": (NUL, "abc", LONG),
}
# what only lists make a query of
LOOKUPS = {
    **dict.fromkeys(FOREIGN_KEYS, (NUL, "abc", "", LONG)),
    **dict.fromkeys(("status__exact", "status__in", "name", "created"), (NUL, LONG)),
    **dict.fromkeys(("created__gte", "modified__lt", "created__date"), (NUL, "abc")),
    **dict.fromkeys(("created__year", "created__hour__gte"), ("abc", LONG, "9" * 30)),
    **dict.fromkeys(("progress", "progress__in"), ("abc", LONG, "9" * 30, "nan")),
    **dict.fromkeys(("log__regex", "name__iregex", "version__regex"), ("(", NUL)),
    **dict.fromkeys(("version__range", "created__range"), ("abc", "ab", "")),
    **dict.fromkeys(("upgrade_options__range", "progress__range"), ("abc", LONG)),
    **dict.fromkeys(("created__contained_by", "modified__contained_by"), ("abc", NIL)),
    **dict.fromkeys(("upgrade_options__contains", "created__search"), ("abc", "{}")),
    **dict.fromkeys(("o", "all", "e", "created__isnull"), (NUL, SQUARE, LONG)),
    **dict.fromkeys(("upgrade_options", "upgrade_options__x"), (NUL, "[", "nan")),
}
# what is typed into a form, not encoded
TYPED = ("a\x00b", "abc", LONG)
# of the page of a device: what this app adds
TABS = ("devicefirmware", "upgradeoperation_set", "organization", "group")


def routes(model_admin):
    """Yields the addresses below an admin: texts and names of converters in turn."""
    for pattern in model_admin.get_urls():
        text = str(pattern.pattern).strip("^$")
        text = text.replace(r"(\d+)", "<digits:n>").replace("([^/]+)", "<str:x>")
        yield re.split(r"<(\w+):\w+>", text)


def pairs(table):
    """Yields parameters as they stand in an address."""
    for name, values in table.items():
        yield from (f"{name}={value}" for value in values)


@tag("heavy")
class TestOddInput(BaseTestAdmin, TestCase):
    """A superuser and an administrator, both with odd values."""

    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client.raise_request_exception = False
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.env = self._create_upgrade_env()
        self.batch = load_model("BatchUpgradeOperation").objects.create(
            build=self.env["build2"], status="failed", launched=True
        )
        self.operation = load_model("UpgradeOperation").objects.create(
            device=self.env["d1"],
            image=self.env["image2a"],
            batch=self.batch,
            status="failed",
        )
        self._create_administrator([self._get_org()])
        self.failures = []

    def _ask(self, url, posted=None):
        """Sends a request, which leaves nothing behind; returns its status."""
        with transaction.atomic():
            if posted is None:
                response = self.client.get(url)
            else:
                body = urlencode(posted, doseq=True)
                kind = "application/x-www-form-urlencoded"
                response = self.client.post(url, body, content_type=kind)
            transaction.set_rollback(True)
        if response.status_code >= 500:
            error = getattr(response, "exc_info", ("", "", ""))[1]
            found = (url[:150], str(posted)[:150], repr(error)[:150])
            self.failures.append(found)
        return response.status_code

    def _users(self):
        for user in ("admin", "administrator"):
            self._login(user)
            yield user
            self.assertEqual(self.failures, [], user)

    def _admins(self):
        rows = self.env["category"], self.env["build2"], self.batch, self.operation
        for row in rows:
            options = row._meta
            name = f"admin:{options.app_label}_{options.model_name}_changelist"
            yield admin.site._registry[type(row)], str(row.pk), reverse(name)

    def _addresses(self):
        """Yields parts of each address, converters, and keys that exist."""
        for model_admin, pk, base in self._admins():
            for parts in routes(model_admin):
                kinds = parts[1::2]
                known = {"digits": "1", "slug": "group"}
                keys = [known.get(kind, pk) for kind in kinds]
                yield [base + parts[0], *parts[2::2]], kinds, keys

    @staticmethod
    def _joined(texts, keys):
        return "".join(a + b for a, b in zip(texts, [*keys, ""], strict=True))

    def _walk(self, requests):
        """Sends what ``requests()`` yields, tuples for ``_ask``, as both users."""
        for _user in self._users():
            for request in thinned(requests()):
                self._ask(*request)

    def _odd_keys(self):
        for texts, kinds, keys in self._addresses():
            for number, kind in enumerate(kinds):
                for value in KEYS[kind]:
                    odd = [*keys[:number], value, *keys[number + 1 :]]
                    url = self._joined(texts, odd)
                    yield (url,)
                    yield url, {"post": "yes"}

    def test_s8_odd_keys_in_all_addresses(self):
        self._walk(self._odd_keys)

    def _urls(self):
        for texts, _kinds, keys in self._addresses():
            yield self._joined(texts, keys)

    def _odd_parameters(self):
        for url in self._urls():
            for parameter in pairs(PARAMETERS):
                yield (f"{url}?{parameter}",)

    def test_s8_odd_parameters_of_all_addresses(self):
        self._walk(self._odd_parameters)

    def _odd_posts(self):
        for url in self._urls():
            yield f"{url}?q={NUL}", {"post": "yes"}
            for name in ("_to_field", "action", "_selected_action", "index"):
                for value in ("\x00", ""):
                    yield url, {name: value}

    def test_s8_odd_parameters_in_what_is_posted(self):
        self._walk(self._odd_posts)

    def test_s8_odd_selections(self):
        devices = reverse(f"admin:{self.config_app_label}_device_changelist")
        lists = [*(base for _admin, _pk, base in self._admins()), devices]
        for _user in self._users():
            for url, value in product(lists, TYPED):
                selected = {"action": "delete_selected", "_selected_action": value}
                self._ask(url, {**selected, "index": "0"})

    def _odd_lookups(self):
        for _admin, _pk, base in self._admins():
            for parameter in pairs(LOOKUPS):
                yield (f"{base}?{parameter}",)

    def test_s8_odd_lookups_of_lists(self):
        self._walk(self._odd_lookups)

    def _odd_initial_values(self):
        for _admin, _pk, base in self._admins():
            for name in ("category", "organization", "version", "os", "created"):
                for value in (NUL, "abc", "", LONG, HALF, NIL):
                    yield (f"{base}add/?{name}={value}",)

    def test_s8_odd_initial_values(self):
        self._walk(self._odd_initial_values)

    def _forms(self):
        build, category = self.env["build2"], self.env["category"]
        yield change_url(build)
        yield change_url(category)
        yield self._url("build", "add")
        yield self._url("category", "add")

    def test_s8_odd_values_in_forms(self):
        for _user in self._users():
            for url in self._forms():
                self._spoil(url, lambda name: True)
            # other fields of that page are other apps'
            page = change_url(self.env["d1"])
            self._spoil(page, lambda name: name.startswith(TABS))

    def _spoil(self, url, chosen):
        """Submits a form once for each odd value of each chosen field."""
        data = page_data(self.client.get(url))
        names = filter(chosen, [*data, "organization", "group"])
        for name, value in thinned(product(names, TYPED)):
            self._ask(url, {**data, name: value})

    def test_s8_errors_are_told_at_their_fields(self):
        self._login("admin")
        url = self._url("category", "add")
        data = {"name": "typed before", "organization": "garbage"}
        response = self.client.post(url, data)
        self.assertContains(response, "typed before")
        form = response.context["adminform"].form
        self.assertEqual(set(form.errors), {"organization"})
        response = self.client.post(url, {"name": "nul\x00", "organization": ""})
        form = response.context["adminform"].form
        self.assertEqual(list(form.errors), ["name"])

    def test_s8_statuses(self):
        self._login("admin")
        listed, build = self._url("build", "changelist"), self.env["build2"]
        for url, status in (
            (f"{listed}?q={NUL}", 400),
            (f"{listed}?version={NUL}", 400),
            (f"{listed}?version__regex=(", 400),
            (f"{listed}?version__range=abc", 400),
            (f"{listed}{NUL}/history/", 404),
            (f"{listed}{NUL}/change/", 404),
            (f"{listed}add/?category=x", 200),
            (f"{listed}{build.pk}/change/?_to_field=", 200),
            (f"{listed}?p={LONG}", 200),
            (f"{listed}?created__year={LONG}", 302),
        ):
            with self.subTest(url=url[:120]):
                self.assertEqual(self._ask(url), status)

    def test_s8_autocomplete(self):
        for _user in self._users():
            for view in ("autocomplete", "ow-auto-filter"):
                for parameters in self._autocompletions():
                    found = f"{reverse(f'admin:{view}')}?{parameters}"
                    self._ask(found)

    def _autocompletions(self):
        for model, field in (
            ("build", "category"),
            ("category", "organization"),
            ("upgradeoperation", "batch"),
            ("category", "build"),
            ("build", "batchupgradeoperation"),
            ("device", "upgradeoperation"),
            ("build", "nothing"),
            ("build", "version"),
            ("build", NUL),
            ("build", ""),
            (NUL, "x"),
        ):
            label = self.config_app_label if model == "device" else self.app_label
            known = f"app_label={label}&model_name={model}&field_name={field}"
            for odd in ("", f"term={NUL}", f"page={SQUARE}", f"page={LONG}"):
                yield f"{known}&{odd}"

    def test_s8_odd_json_in_the_confirmation(self):
        self._login("admin")
        build = self.env["build2"]
        for text in ('{"c": "\\u0000"}', '"\\ud800"', "NaN", LONG, "[" * 100000):
            data = {
                "action": "upgrade_selected",
                "_selected_action": str(build.pk),
                "upgrade_all": "1",
                "upgrade_options": text,
            }
            response = self.client.post(self.build_list_url, data)
            self.assertEqual(response.status_code, 200, text[:20])
            self.assertIn("upgrade_options", response.context["form"].errors)
        self.assertEqual(type(self.batch).objects.count(), 1)

    def test_s8_odd_json_on_the_page_of_a_device(self):
        self._login("admin")
        url = change_url(self.env["d1"])
        data = page_data(self.client.get(url))
        name = "devicefirmware-0-upgrade_options"
        for text in ('{"c": "\\u0000"}', json.dumps("\ud800"), LONG, "[" * 100000):
            response = self.client.post(url, {**data, name: text})
            self.assertContains(response, "This JSON cannot be stored")
