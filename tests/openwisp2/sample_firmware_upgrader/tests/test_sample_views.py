"""The views of the sample app stand in the place of those they extend."""

from django.test import TestCase
from django.urls import reverse

from openwisp_firmware_upgrader.private_storage import FirmwareImageDownloadView
from openwisp_firmware_upgrader.tests.base import TestUpgraderMixin


class TestSampleViews(TestUpgraderMixin, TestCase):
    def setUp(self):
        super().setUp()
        self.client.force_login(self._get_admin())

    def test_api_view_is_extended(self):
        self._create_build(details="for the roof")
        response = self.client.get(reverse("upgrader:api_build_list"))
        self.assertEqual(response.headers["X-Sample"], "builds")
        self.assertEqual(response.json()["results"][0]["details"], "for the roof")

    def test_the_other_api_views_stay(self):
        response = self.client.get(reverse("upgrader:api_category_list"))
        self.assertEqual(response.status_code, 200)
        self.assertNotIn("X-Sample", response.headers)

    def test_download_is_extended(self):
        image = self._create_firmware_image()
        url = reverse("serve_private_file", args=[image.file.name])
        response = self.client.get(url)
        self.assertEqual(response.headers["X-Sample"], "download")
        view = response.resolver_match.func.view_class
        self.assertTrue(issubclass(view, FirmwareImageDownloadView))
