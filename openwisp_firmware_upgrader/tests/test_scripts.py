"""The scripts of the pages: small, and with all their texts in the page."""

import re
from pathlib import Path

from django.test import SimpleTestCase
from django.utils.translation import override

import openwisp_firmware_upgrader

from ..admin.shared.labels import script_labels

ROOT = Path(openwisp_firmware_upgrader.__file__).parent
SCRIPTS = sorted((ROOT / "static" / "firmware-upgrader" / "js").glob("*.js"))
# text("key", …), firmware.text(…), window.owFirmware.text(…) and ["notice.key", …]
KEY = re.compile(r'(?:\btext\(\s*"([a-z.-]+)"|\[\s*"(notice\.[a-z]+)")')
LONGEST_SCRIPT = 300


class TestScripts(SimpleTestCase):
    def test_every_text_of_a_script_travels_in_the_page(self):
        used = {
            first or second
            for path in SCRIPTS
            for first, second in KEY.findall(path.read_text())
        }
        self.assertIn("notice.lost", used)
        self.assertIn("dialog.question", used)
        self.assertEqual(used - set(script_labels()), set())

    def test_texts_are_in_the_language_of_the_request(self):
        with override("en"):
            labels = script_labels()
        self.assertEqual(labels["status.in-progress"], "in progress")
        self.assertEqual(labels["phase.reboot"], "rebooting")

    def test_scripts_are_short_and_strict(self):
        for path in SCRIPTS:
            with self.subTest(script=path.name):
                text = path.read_text()
                self.assertTrue(text.startswith('"use strict";'))
                self.assertLess(text.count("\n"), LONGEST_SCRIPT)

    def test_only_one_script_makes_html_of_an_answer(self):
        """Values are inserted as text nodes; one answer is HTML of our template."""
        found = [path.name for path in SCRIPTS if ".innerHTML =" in path.read_text()]
        self.assertEqual(found, ["mass-upgrade-candidates.js"])
