"""What the sample app adds is on the pages of the admin."""

from django.test import TestCase
from django.urls import reverse

from openwisp_firmware_upgrader.tests import test_admin
from openwisp_firmware_upgrader.tests.base import change_url


class TestSampleAdmin(test_admin.BaseTestAdmin, TestCase):
    app_label = "sample_firmware_upgrader"

    def test_details_of_categories_and_builds_are_edited(self):
        self._login()
        env = self._create_upgrade_env()
        for obj in (env["category"], env["build1"]):
            response = self.client.get(change_url(obj))
            self.assertContains(response, 'name="details"')

    def test_details_of_an_image_are_shown(self):
        self._login()
        image = self._create_firmware_image(details="for the roof")
        response = self.client.get(change_url(image.build))
        self.assertContains(response, '<div class="readonly">for the roof')

    def test_details_of_a_mass_upgrade_and_its_list(self):
        self._login()
        env, batch = self._batch()
        type(batch).objects.update(details="of the batch")
        type(env["build2"]).objects.update(details="of the build")
        self.assertContains(self.client.get(change_url(batch)), "of the batch")
        self.assertContains(self.client.get(self.build_list_url), "of the build")

    def test_details_on_the_page_of_a_device(self):
        self._login()
        env, _batch = self._batch()
        type(env["o1"]).objects.update(details="of the operation")
        url = reverse(
            f"admin:{self.config_app_label}_device_change", args=[env["d1"].pk]
        )
        response = self.client.get(url)
        self.assertContains(response, 'name="devicefirmware-0-details"')
        self.assertContains(response, "of the operation")
