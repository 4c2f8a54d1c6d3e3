from django.contrib import admin
from django.test import TestCase

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.tests.base import TestUpgraderMixin

MODELS = (
    "Category",
    "Build",
    "FirmwareImage",
    "DeviceFirmware",
    "BatchUpgradeOperation",
    "UpgradeOperation",
)


class TestSample(TestUpgraderMixin, TestCase):
    def test_models_are_swapped(self):
        for name in MODELS:
            model = load_model(name)
            self.assertEqual(model._meta.app_label, "sample_firmware_upgrader")
            self.assertEqual(model._meta.get_field("details").max_length, 64)

    def test_details_are_stored(self):
        build = self._create_build(details="for the roof")
        build.refresh_from_db()
        self.assertEqual(build.details, "for the roof")

    def test_admin_was_extended(self):
        registered = admin.site._registry[load_model("Build")]
        self.assertIn("details", registered.list_display)
        registered = admin.site._registry[load_model("BatchUpgradeOperation")]
        self.assertIn("details", registered.fields)

    def test_default_groups_have_the_permissions(self):
        from django.contrib.auth import get_user_model

        group_model = get_user_model()._meta.get_field("groups").related_model
        group = group_model.objects.get(name="Administrator")
        names = group.permissions.filter(
            content_type__app_label="sample_firmware_upgrader"
        ).values_list("codename", flat=True)
        self.assertIn("add_build", names)
