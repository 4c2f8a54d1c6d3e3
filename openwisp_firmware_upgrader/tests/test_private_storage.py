"""Downloads of image files."""

from __future__ import annotations

from django.test import TestCase
from django.urls import reverse

from ..swapper import load_model
from .base import FirmwareDownloadPermissionTestMixin, TestUpgraderMixin


class TestPrivateStorage(
    FirmwareDownloadPermissionTestMixin, TestUpgraderMixin, TestCase
):
    expected_queries = {
        "unauthenticated": 0,
        "superuser": 2,
        "staff_no_permissions": 3,
        "authenticated_no_permission": 3,
    }

    def setUp(self):
        super().setUp()
        self.image = self._create_firmware_image(file=self._real_image_file())

    def get_download_url(self):
        return reverse("serve_private_file", args=[self.image.file.name])

    def test_download_is_the_file(self):
        self.client.force_login(self._get_admin())
        response = self.client.get(self.get_download_url())
        content = b"".join(response.streaming_content)
        self.assertEqual(len(content), self.image.size)

    def test_unknown_file_is_not_found(self):
        self.client.force_login(self._get_admin())
        url = reverse("serve_private_file", args=["nothing/here.bin"])
        self.assertEqual(self.client.get(url).status_code, 404)

    def test_owner_of_a_shared_build_is_nobody_but_superusers(self):
        category = self._create_category(name="shared", organization=None)
        build = self._create_build(category=category, version="9")
        self.image = self._create_firmware_image(
            build=build, file=self._real_image_file()
        )
        self.client.force_login(self._staff("s", self._get_org(), permission=True))
        self._assert_download("shared", 403)

    def test_model_is_the_one_in_force(self):
        self.assertIsInstance(self.image, load_model("FirmwareImage"))
