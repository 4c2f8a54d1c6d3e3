"""Pages and their scripts in Italian."""

from __future__ import annotations

from django.test import TestCase
from django.utils.translation import override

from ..admin.shared.labels import script_labels
from ..statuses import BatchStatus, OperationStatus, Phase
from ..swapper import load_model
from .test_admin_device import DevicePageMixin


class TestItalian(DevicePageMixin, TestCase):
    def _words(self, language):
        with override(language):
            return {
                str(label)
                for choices in (OperationStatus, BatchStatus, Phase)
                for _value, label in choices.choices
            }

    def test_no_status_stays_english(self):
        self.assertFalse(self._words("en") & self._words("it"))

    def test_texts_of_scripts(self):
        with override("en"):
            english = script_labels()
        with override("it"):
            italian = script_labels()
        same = [key for key, text in english.items() if italian[key] == text]
        self.assertEqual(same, [])

    def test_device_page(self):
        env = self._create_upgrade_env()
        self._operation(env["d1"], env["image1a"], status="failed")
        with override("it"):
            response = self._page(env["d1"])
        self.assertContains(response, "Aggiornamenti firmware recenti")
        self.assertContains(response, '<div class="readonly">fallita</div>')
        self.assertContains(response, "Tutti gli aggiornamenti firmware")
        self.assertNotContains(response, "Recent Firmware Upgrades")

    def test_names_of_models(self):
        with override("it"):
            name = str(load_model("Build")._meta.verbose_name)
        self.assertEqual(name, "Build del firmware")
