"""Charts of the dashboard and the lists they link to."""

from django.test import TestCase
from django.urls import reverse

from ..reporting.dashboard import POSITIONS
from .test_admin import BaseTestAdmin


class TestDashboard(BaseTestAdmin, TestCase):
    def setUp(self):
        super().setUp()
        # device1 runs the first build, device2 the newest
        env, _batch = self._batch(status="failed")
        for name, image in (("device_fw1", "image1a"), ("device_fw2", "image2b")):
            env[name].image, env[name].installed = env[image], True
            env[name].save(upgrade=False)
        self.env = env

    def _charts(self):
        response = self.client.get(reverse("admin:index"))
        charts = response.context["dashboard_charts"]
        return [charts[position] for position in POSITIONS]

    def _values(self, chart):
        query = chart["query_params"]
        return dict(zip(query["labels"], query["values"], strict=True))

    def test_what_the_charts_count(self):
        self._login()
        builds, operations, age = map(self._values, self._charts())
        self.assertEqual(builds, {"0.1": 1, "0.2": 1})
        self.assertEqual(operations, {"failed": 2})
        self.assertEqual(age, {"Newest build of its category": 1, "Not up to date": 1})

    def test_each_value_links_to_the_list_of_what_it_counts(self):
        self._login()
        for chart in self._charts():
            values = chart["query_params"]["values"]
            self.assertEqual(len(chart["filters"]), len(values))
            for value, chosen in zip(values, chart["filters"], strict=True):
                response = self.client.get(f"{chart['target_link']}{chosen}")
                found = response.context["cl"]
                self.assertEqual(found.result_count, value, chart["name"])
                self.assertIs(found.has_active_filters, True)

    def test_another_organization_counts_nothing(self):
        self._other_administrator()
        self._login("stranger")
        for chart in self._charts():
            self.assertEqual(chart["query_params"]["values"], [], chart["name"])

    def test_filters_of_the_device_list(self):
        self._login()
        url = reverse(f"admin:{self.config_app_label}_device_changelist")
        version = "devicefirmware__image__build__version"
        for query, names in (
            ("firmware_up_to_date=no", ["device1"]),
            ("firmware_up_to_date=yes", ["device2"]),
            ("firmware_up_to_date=garbage", ["device1", "device2"]),
            (f"{version}=0.2", ["device2"]),
            (f"{version}=garbage", []),
            # a choice made in the list counts before the link of the dashboard
            (f"{version}__exact=0.1&{version}=0.2", ["device2"]),
        ):
            response = self.client.get(f"{url}?{query}")
            found = sorted(d.name for d in response.context["cl"].result_list)
            self.assertEqual(found, names, query)

    def test_firmware_that_is_not_installed_is_not_up_to_date(self):
        self._login()
        self.env["device_fw2"].installed = False
        self.env["device_fw2"].save(upgrade=False)
        builds, _operations, age = map(self._values, self._charts())
        self.assertEqual(builds, {"0.1": 1})
        self.assertEqual(age, {"Not up to date": 2})

    def test_versions_of_other_organizations_are_not_offered(self):
        self._other_administrator()
        self._login("stranger")
        url = reverse(f"admin:{self.config_app_label}_device_changelist")
        response = self.client.get(url)
        titles = [str(spec.title) for spec in response.context["cl"].filter_specs]
        self.assertNotIn("firmware version", titles)
        self._login()
        response = self.client.get(url)
        titles = [str(spec.title) for spec in response.context["cl"].filter_specs]
        self.assertIn("firmware version", titles)
