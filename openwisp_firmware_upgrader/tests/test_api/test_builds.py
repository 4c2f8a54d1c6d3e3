from django.test import TestCase

from ...api.serializers import BuildSerializer
from ...swapper import load_model
from .base import NOWHERE, TestOrgAPIMixin

Build = load_model("Build")


class TestBuildViews(TestOrgAPIMixin, TestCase):
    list_name = "build_list"

    def _make(self, organization):
        category = self._create_category(organization=organization)
        return self._create_build(category=category)

    def _serialized(self, *builds):
        return [BuildSerializer().to_representation(build) for build in builds]

    def test_list(self):
        first, second = self._create_build(), self._create_build(version="0.2")
        response = self._get(self._url("build_list"), queries=5)
        self.assertEqual(response.data["results"], self._serialized(second, first))
        self.assertEqual(
            list(response.data["results"][0]["category_relation"]),
            ["name", "organization"],
        )
        self._login_operator()
        self._get(self._url("build_list"), queries=5)

    def test_queries_do_not_grow(self):
        for number in range(30):
            category = self._create_category(name=f"category {number}")
            self._create_build(version=f"1.{number}", category=category)
        self._get(self._url("build_list"), queries=5, page_size=100)

    def test_keys(self):
        row = self._serialized(self._create_build())[0]
        expected = {
            "id",
            "category_relation",
            "created",
            "modified",
            "version",
            "os",
            "changelog",
            "category",
        }
        self.assertEqual(set(row) - {"details"}, expected)
        self.assertIsInstance(row["id"], str)

    def test_filters(self):
        first = self._create_build(os="OpenWrt 1")
        category = self._create_category(name="Second")
        second = self._create_build(version="0.2", category=category)
        url = self._url("build_list")
        for filters, expected, queries in (
            ({"category": str(category.pk)}, second, 6),
            ({"version": "0.1"}, first, 5),
            ({"os": "OpenWrt 1"}, first, 5),
            ({"category": str(category.pk), "version": "0.2"}, second, 6),
        ):
            with self.subTest(filters=filters):
                response = self._get(url, queries=queries, **filters)
                self.assertEqual(self._results(response), [str(expected.pk)])
        mixed = {"category": str(category.pk), "version": "0.1"}
        self.assertEqual(self._results(self._get(url, **mixed)), [])

    def test_bad_filters(self):
        foreign = self._make(self._create_org(name="org 2", slug="org-2"))
        url = self._url("build_list")
        for value in ("malformed", NOWHERE, str(foreign.category.pk)):
            with self.subTest(value=value):
                response = self._get(url, 400, category=value)
                self.assertIn("category", response.data)
        self._get(url, 400, version="nul\x00")
        shared = self._shared_build()
        found = self._get(url, category=str(shared.category.pk))
        self.assertEqual(self._results(found), [str(shared.pk)])
        self._login_superuser()
        found = self._get(url, category=str(foreign.category.pk))
        self.assertEqual(self._results(found), [str(foreign.pk)])
        self._get(url, 400, category=NOWHERE)

    def test_ordering(self):
        first = self._create_build(version="b")
        second = self._create_build(version="a")
        url = self._url("build_list")
        for ordering, expected in (
            ("version", [second, first]),
            ("-version", [first, second]),
            ("nonsense", [second, first]),
            ("created", [first, second]),
            ("modified,nonsense", [first, second]),
        ):
            with self.subTest(ordering=ordering):
                found = self._results(self._get(url, ordering=ordering))
                self.assertEqual(found, [str(build.pk) for build in expected])

    def test_create(self):
        category = self._create_category()
        data = {"category": str(category.pk), "version": "20.04"}
        response = self._send("post", self._url("build_list"), 201, 9, data=data)
        self.assertEqual(response.data, self._serialized(Build.objects.get())[0])
        data = {**data, "version": "20.05", "category_relation": {"name": "x"}}
        self._json("post", self._url("build_list"), data, 201)

    def test_create_in_foreign_and_shared_categories(self):
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_category(organization=other)
        shared = self._create_category(name="shared", organization=None)
        url = self._url("build_list")
        for category in (foreign, shared):
            data = {"category": str(category.pk), "version": "1"}
            with self.subTest(category=category), self._nothing_changes():
                response = self._json("post", url, data, 400)
                self.assertEqual(response.data["category"][0].code, "does_not_exist")
        self._login_superuser()
        data = {"category": str(shared.pk), "version": "1"}
        self._json("post", url, data, 201)

    def test_create_needs_permission(self):
        category = self._create_category()
        data = {"category": str(category.pk), "version": "1"}
        self._login_operator()
        with self._nothing_changes():
            self._json("post", self._url("build_list"), data, 403)

    def test_retrieve_update_delete(self):
        build = self._create_build()
        url = self._url("build_detail", build.pk)
        self.assertEqual(self._get(url, queries=5).data, self._serialized(build)[0])
        data = {"category": str(build.category.pk), "version": "2", "changelog": "all"}
        response = self._json("put", url, data, queries=10)
        build.refresh_from_db()
        self.assertEqual(response.data, self._serialized(build)[0])
        self.assertEqual(build.changelog, "all")
        self._json("patch", url, {"changelog": "some"}, queries=8)
        build.refresh_from_db()
        self.assertEqual((build.changelog, build.version), ("some", "2"))
        self._send("delete", url, 204)
        self.assertFalse(Build.objects.exists())

    def test_foreign_unknown_and_anonymous_detail(self):
        build = self._create_build()
        url = self._url("build_detail", build.pk)
        self._get(self._url("build_detail", NOWHERE), 404)
        self._login_foreign()
        with self._nothing_changes():
            self._get(url, 404)
            self._json("patch", url, {"changelog": "x"}, 404)
            self._send("delete", url, 404)
        self._login(None)
        self._get(url, 401, queries=0)

    def test_mismatching_slug_hides_the_detail(self):
        url = self._url("build_detail", self._create_build().pk)
        self._get(url, organization=self.org.slug)
        self._get(url, 404, organization="other")

    def test_shared(self):
        build = self._shared_build()
        url = self._url("build_detail", build.pk)
        self.assertEqual(
            self._results(self._get(self._url("build_list"))), [str(build.pk)]
        )
        self._get(url)
        with self._nothing_changes():
            self._json("patch", url, {"changelog": "x"}, 403)
            data = {"category": str(build.category.pk), "version": "2"}
            self._json("put", url, data, 403)
            self._send("delete", url, 403)
        self._login_superuser()
        self._json("patch", url, {"changelog": "x"})
        self._send("delete", url, 204)

    def test_duplicates(self):
        build = self._create_build(os="OpenWrt 1")
        url = self._url("build_list")
        data = {"category": str(build.category.pk), "version": build.version}
        response = self._json("post", url, data, 400)
        self.assertIn("non_field_errors", response.data)
        category = self._create_category(name="another")
        data = {"category": str(category.pk), "version": "1", "os": "OpenWrt 1"}
        self.assertIn("os", self._json("post", url, data, 400).data)

    def test_change_permission_is_enough_to_look(self):
        build = self._create_build()
        self._login_with("change", model="Build")
        self._get(self._url("build_list"))
        self._get(self._url("build_detail", build.pk))
        self._get(self._url("build_detail", self._shared_build(version="2").pk), 403)
        self._send("head", self._url("build_list"), 403)

    def test_head_and_options(self):
        self._send("head", self._url("build_list"))
        response = self._send("options", self._url("build_list"))
        self.assertIn("POST", response.data["actions"])
        self._login_with(model="Build")
        response = self._send("options", self._url("build_list"))
        self.assertNotIn("actions", response.data)
        self._get(self._url("build_list"), 403)
        self._login(None)
        self._send("options", self._url("build_list"), 401)
