"""Every route as a page of the browsable API, and odd requests to every route."""

from django.test import TestCase
from django.urls import resolve

from ...api.urls import get_api_urls
from ...swapper import load_model
from .base import NOWHERE, TestAPIUpgraderMixin

ROUTES = get_api_urls()[0].url_patterns
BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b'{"image": {}, "group": [], "location": {"a": 1}, "upgrade_all": []}',
    b'{"category": 1e400, "version": null, "name": [1], "organization": true}',
    b'{"version": "a\\u0000b", "name": "\\ud800", "upgrade_options": "x"}',
    b'{"upgrade_options": {"n": 1e400}}',
    b"\xff\xfe",
)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
QUERIES = (
    "page=0&page_size=x",
    f"page={'9' * 400}",
    "ordering=nonsense,-created&search=%00",
    "organization=%00&category=%00&device=%00&status=%00&type=%00",
    "created_after=0001-01-01T00:00:00%2B14:00&batch=%F0%9F%92%A9",
    "summary=true&page=-1",
    "summary=nonsense&group=%00&conflict=%00",
    "format=nonsense",
    "board=%00",
)


class TestPages(TestAPIUpgraderMixin, TestCase):
    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.batch = self.env["build2"].batch_upgrade(firmwareless=False)
        self.batch.upgrade(firmwareless=False)
        self.operation = load_model("UpgradeOperation").objects.first()

    def _urls(self):
        env, ids = self.env, {}
        ids["build"] = ids["firmware"] = env["build2"].pk
        ids["category"] = env["category"].pk
        ids["batchupgradeoperation"] = self.batch.pk
        ids["upgradeoperation"] = self.operation.pk
        ids["deviceupgradeoperation"] = ids["devicefirmware"] = env["d1"].pk
        for route in ROUTES:
            kind = route.name.split("_")[1]
            number = len(route.pattern.converters)
            args = [ids.get(kind), env["image2a"].pk][:number]
            yield route.name, self._url(route.name.removeprefix("api_"), *args)

    def _not_a_server_error(self, response, name):
        self.assertLess(response.status_code, 500, name)
        if response.streaming:
            list(response.streaming_content)

    def test_every_route_as_a_page(self):
        for login in (self._login_superuser, lambda: self._login(self.administrator)):
            login()
            for name, url in self._urls():
                if name.endswith("download"):
                    continue
                with self.subTest(name=name):
                    response = self.client.get(url, HTTP_ACCEPT="text/html")
                    known = (405,) if "post" in self._only(url) else (200,)
                    self.assertIn(response.status_code, known)
                    self.assertIn(b"<html", response.content)

    def _only(self, url):
        view = resolve(url).func.cls
        return () if hasattr(view, "get") else ("post",)

    def test_unknown_ids_as_pages(self):
        for route in ROUTES:
            number = len(route.pattern.converters)
            url = self._url(route.name.removeprefix("api_"), *[NOWHERE] * number)
            for method in ("get", "options", "head"):
                response = getattr(self.client, method)(url, HTTP_ACCEPT="text/html")
                self._not_a_server_error(response, route.name)

    def test_odd_bodies(self):
        sent = [("application/json", body) for body in BODIES]
        for kind in FORMS:
            sent += [(kind, body) for body in (b"", b"{}", b"image=%00&version=%00")]
        for name, url in self._urls():
            view = resolve(url).func.cls
            for method in {"post", "put", "patch"} & set(dir(view)):
                if "cancel" in name or "retry" in name:
                    continue
                for kind, body in sent:
                    with self.subTest(name=name, method=method, body=body, kind=kind):
                        send = getattr(self.client, method)
                        response = send(url, body, content_type=kind)
                        self._not_a_server_error(response, name)

    def test_odd_queries(self):
        for name, url in self._urls():
            for query in QUERIES:
                for method in ("get", "options"):
                    with self.subTest(name=name, query=query, method=method):
                        response = getattr(self.client, method)(f"{url}?{query}")
                        self._not_a_server_error(response, name)
