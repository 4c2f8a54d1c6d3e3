"""No page tells names or ids of other organizations to who does not manage them."""

from django.test import TestCase
from django.urls import reverse
from rest_framework.authtoken.models import Token
from swapper import load_model as load_any_model

from ..swapper import load_model
from .base import change_url
from .test_admin import BaseTestAdmin

Batch = load_model("BatchUpgradeOperation")
Organization = load_any_model("openwisp_users", "Organization")


class TestForeignNames(BaseTestAdmin, TestCase):
    """An administrator of "mine", the objects of "theirs"."""

    def setUp(self):
        super().setUp()
        self.mine = self._create_org(name="mine", slug="mine")
        self.theirs = self._create_org(name="secret-org", slug="secret-org")
        category = self._create_category(
            name="secret-category", organization=self.theirs
        )
        self.build = self._create_build(category=category, version="secret-version")
        self.group = self._create_device_group(
            name="secret-group", organization=self.theirs
        )
        self.location = self._create_location(
            name="secret-location", organization=self.theirs
        )
        self.batch = Batch.objects.create(build=self.build, launched=True)
        self._create_administrator([self.mine])
        self._login("administrator")

    def _filters(self):
        """Yields list, parameter, its value and the name that stays secret."""
        org, category = self.theirs, self.build.category
        yield "category", "organization", org, "secret-org"
        yield "build", "category__organization", org, "secret-org"
        yield "build", "category_id", category, "secret-category"
        batch = "batchupgradeoperation"
        yield batch, "build__category__organization", org, "secret-org"
        yield batch, "build__category", category, "secret-category"
        yield batch, "build_id", self.build, "secret-version"
        yield batch, "group_id", self.group, "secret-group"
        yield batch, "location_id", self.location, "secret-location"
        yield "upgradeoperation", "device__organization", org, "secret-org"
        yield "upgradeoperation", "batch_id", self.batch, "secret-version"
        yield "upgradeoperation", "image__build", self.build, "secret-version"

    def test_s7_filters_name_no_foreign_choice(self):
        for model, parameter, value, secret in self._filters():
            url = self._url(model, "changelist")
            with self.subTest(model=model, parameter=parameter):
                response = self.client.get(url, {parameter: str(value.pk)})
                self.assertEqual(response.status_code, 200)
                self.assertNotContains(response, secret)

    def test_s7_superusers_see_every_choice(self):
        self._login("admin")
        for model, parameter, value, secret in self._filters():
            url = self._url(model, "changelist")
            with self.subTest(model=model, parameter=parameter):
                response = self.client.get(url, {parameter: str(value.pk)})
                option = f'<option value="{value.pk}" selected>'
                self.assertContains(response, option)
                self.assertContains(response, secret)

    def test_s7_own_choices_are_named(self):
        category = self._create_category(name="my-category", organization=self.mine)
        self._create_build(category=category, version="1")
        url = self._url("build", "changelist")
        response = self.client.get(url, {"category_id": str(category.pk)})
        option = f'<option value="{category.pk}" selected>my-category'
        self.assertContains(response, option)

    def test_s7_forms_name_no_foreign_initial(self):
        forms = (
            ("build", {"category": self.build.category}),
            ("category", {"organization": self.theirs}),
        )
        for model, initial in forms:
            data = {name: str(value.pk) for name, value in initial.items()}
            response = self.client.get(self._url(model, "add"), data)
            self.assertNotContains(response, "secret")

    def test_s7_autocomplete_offers_no_foreign_choice(self):
        fields = (
            ("build", "category"),
            ("category", "organization"),
            ("batchupgradeoperation", "build"),
            ("batchupgradeoperation", "group"),
            ("batchupgradeoperation", "location"),
            ("upgradeoperation", "batch"),
            ("firmwareimage", "build"),
        )
        for view in ("ow-auto-filter", "autocomplete"):
            for model, field in fields:
                names = {"app_label": self.app_label, "model_name": model}
                url = reverse(f"admin:{view}")
                with self.subTest(view=view, model=model, field=field):
                    response = self.client.get(url, {**names, "field_name": field})
                    self.assertIn(response.status_code, (200, 403))
                    self.assertNotIn(b"secret", response.content)

    def _restricted(self, organization):
        """Returns a mass upgrade of an organization with foreign restrictions."""
        category = self._create_category(name="own", organization=organization)
        build = self._create_build(category=category, version="9")
        return Batch.objects.create(
            build=build, group=self.group, location=self.location, launched=True
        )

    def test_s7_page_of_a_batch_leaves_out_foreign_restrictions(self):
        batch = self._restricted(self.mine)
        response = self.client.get(change_url(batch))
        self.assertEqual(response.status_code, 200)
        self.assertNotContains(response, "secret")
        for foreign in (self.group, self.location):
            self.assertNotContains(response, str(foreign.pk))
        self._login("admin")
        response = self.client.get(change_url(batch))
        for name in ("secret-group", "secret-location"):
            self.assertContains(response, name)

    def test_s7_page_of_a_batch_shows_managed_restrictions(self):
        batch = self._restricted(self.mine)
        type(self.group).objects.update(organization=self.mine)
        response = self.client.get(change_url(batch))
        self.assertContains(response, "secret-group")
        self.assertNotContains(response, "secret-location")

    def test_s7_page_of_an_operation_does_not_name_a_foreign_batch(self):
        device = self._create_device(organization=self.mine)
        operation = load_model("UpgradeOperation").objects.create(
            device=device, batch=self.batch, status="failed"
        )
        response = self.client.get(change_url(operation))
        self.assertEqual(response.status_code, 200)
        self.assertNotContains(response, "secret")
        self._login("admin")
        self.assertContains(self.client.get(change_url(operation)), "secret-version")

    def _told(self, username, batch):
        """Returns group and location of a batch as list and page of REST tell them."""
        user = self._get_admin() if username == "admin" else self.administrator
        token, _created = Token.objects.get_or_create(user=user)
        header = {"HTTP_AUTHORIZATION": f"Bearer {token.key}"}
        listed = reverse("upgrader:api_batchupgradeoperation_list")
        single = reverse("upgrader:api_batchupgradeoperation_detail", args=[batch.pk])
        (row,) = [
            row
            for row in self.client.get(listed, **header).json()["results"]
            if row["id"] == str(batch.pk)
        ]
        found = self.client.get(single, **header).json()
        self.assertEqual(
            (row["group"], row["location"]), (found["group"], found["location"])
        )
        return found["group"], found["location"]

    @property
    def administrator(self):
        """The administrator of "mine"."""
        return Organization.objects.get(pk=self.mine.pk).users.get()

    def test_s7_rest_tells_no_foreign_restrictions(self):
        ids = str(self.group.pk), str(self.location.pk)
        for organization in (None, self.mine):
            batch = self._restricted(organization)
            self.assertEqual(self._told("administrator", batch), (None, None))
            self.assertEqual(self._told("admin", batch), ids)
        type(self.location).objects.update(organization=self.mine)
        self.assertEqual(self._told("administrator", batch), (None, ids[1]))
