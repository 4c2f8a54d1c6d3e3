from django.test import TestCase

from ...api.serializers import CategorySerializer
from ...swapper import load_model
from .base import NOWHERE, TestOrgAPIMixin

Category = load_model("Category")


class TestCategoryViews(TestOrgAPIMixin, TestCase):
    list_name = "category_list"

    def _make(self, organization):
        return self._create_category(organization=organization)

    def _serialized(self, category):
        return CategorySerializer().to_representation(category)

    def test_list(self):
        rows = [self._create_category(name=f"category {n}") for n in range(3)]
        response = self._get(self._url("category_list"), queries=5)
        expected = [self._serialized(row) for row in reversed(rows)]
        self.assertEqual(response.data["results"], expected)
        self._get(self._url("category_list"), ordering="created,nonsense")

    def test_list_of_operator_is_refused(self):
        self._login_operator()
        self._get(self._url("category_list"), 403)

    def test_queries_do_not_grow(self):
        url = self._url("category_list")
        for number in range(30):
            self._create_category(name=f"category {number}")
        self._get(url, queries=5, page_size=100)
        self._login_superuser()
        self._get(url, queries=3, page_size=100)

    def test_create(self):
        data = {"name": "Roofs", "organization": str(self.org.pk)}
        response = self._send("post", self._url("category_list"), 201, 9, data=data)
        category = Category.objects.get()
        self.assertEqual(response.data, self._serialized(category))
        self.assertEqual(response.data["id"], str(category.pk))
        self.assertEqual(response.data["organization"], self.org.pk)
        self.assertEqual(category.organization, self.org)

    def test_create_for_a_foreign_organization(self):
        other = self._create_org(name="org 2", slug="org-2")
        for pk in (str(other.pk), NOWHERE, "malformed"):
            data = {"name": "Roofs", "organization": pk}
            with self.subTest(pk=pk), self._nothing_changes():
                url = self._url("category_list")
                response = self._send("post", url, 400, data=data)
                self.assertIn("organization", response.data)

    def test_only_superusers_create_shared_ones(self):
        url = self._url("category_list")
        with self._nothing_changes():
            response = self._json("post", url, {"name": "Shared"}, 400)
            self.assertIn("Only superusers", str(response.data["organization"]))
            data = {"name": "Shared", "organization": None}
            self._json("post", url, data, 400)
            self._send("post", url, 400, data={"name": "Shared", "organization": ""})
        self._login_superuser()
        for number, organization in enumerate(({"organization": None}, {})):
            data = {"name": f"Shared {number}", **organization}
            response = self._json("post", url, data, 201)
            self.assertIsNone(response.data["organization"])
        data = {"name": "Shared form", "organization": ""}
        response = self._send("post", url, 201, data=data)
        self.assertIsNone(response.data["organization"])

    def test_retrieve_update_delete(self):
        category = self._create_category()
        url = self._url("category_detail", category.pk)
        self.assertEqual(self._get(url, queries=5).data, self._serialized(category))
        data = {"name": "Other", "organization": str(self.org.pk)}
        response = self._json("put", url, data, queries=10)
        category.refresh_from_db()
        self.assertEqual(response.data, self._serialized(category))
        self._json("patch", url, {"name": "Third"}, queries=9)
        category.refresh_from_db()
        self.assertEqual((category.name, category.organization), ("Third", self.org))
        response = self._send("delete", url, 204)
        self.assertEqual(response.content, b"")
        self.assertFalse(Category.objects.exists())

    def test_an_organization_is_kept_or_named(self):
        category = self._create_category()
        url = self._url("category_detail", category.pk)
        self._json("put", url, {"name": "Other"}, 400)
        self._json("put", url, {"name": "Other", "organization": None}, 400)
        self._json("patch", url, {"organization": None}, 400)
        content = "organization="
        form = "application/x-www-form-urlencoded"
        self._send("patch", url, 200, data=content, content_type=form)
        category.refresh_from_db()
        self.assertEqual(category.organization, self.org)

    def test_shared_ones_can_be_read_only(self):
        category = self._create_category(organization=None)
        listed = self._get(self._url("category_list"))
        self.assertEqual(self._results(listed), [str(category.pk)])
        url = self._url("category_detail", category.pk)
        self._get(url)
        with self._nothing_changes():
            self._json("patch", url, {"name": "x"}, 403)
            data = {"name": "x", "organization": str(self.org.pk)}
            self._json("put", url, data, 403)
            self._send("delete", url, 403)
        self._login_superuser()
        self._json("patch", url, {"name": "x"})

    def test_foreign_ones_are_not_found(self):
        category = self._create_category()
        self._login_foreign()
        url = self._url("category_detail", category.pk)
        with self._nothing_changes():
            self._get(url, 404, queries=4)
            self._json("patch", url, {"name": "x"}, 404)
            self._send("delete", url, 404)

    def test_duplicates(self):
        self._create_category(name="twin")
        self._create_category(name="shared", organization=None)
        url = self._url("category_list")
        data = {"name": "twin", "organization": str(self.org.pk)}
        response = self._json("post", url, data, 400)
        self.assertIn("non_field_errors", response.data)
        self._login_superuser()
        response = self._json("post", url, {"name": "shared"}, 400)
        self.assertIn("non_field_errors", response.data)
        shared = Category.objects.get(name="shared")
        self._json("patch", self._url("category_detail", shared.pk), {"name": "shared"})

    def test_anonymous_detail(self):
        category = self._create_category()
        self._login(None)
        self._get(self._url("category_detail", category.pk), 401, queries=0)
        self._get(self._url("category_detail", NOWHERE), 401, queries=0)
