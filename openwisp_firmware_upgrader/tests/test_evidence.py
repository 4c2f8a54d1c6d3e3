"""What is known of an upgrade survives its way through the row."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from django.test import SimpleTestCase

from ..state.evidence import Evidence, FlashAnswer

KNOWN = Evidence(
    failures=2,
    services_stopped=True,
    remote_path="/tmp/image.bin",  # noqa: S108 on the device
    boot_id="abc",
    release={"description": "OpenWrt 1", "version": None, "revision": "r1"},
    expected={"description": None, "version": "2", "revision": "r2"},
    typed=True,
    overlay=False,
    flash_sent_at="2026-01-01T00:00:00+00:00",
    flash_answer=FlashAnswer("handed_off", "Commencing upgrade.", 0),
    reason_lines=3,
    legacy=True,
    others={"from_the_future": [1, {"deep": None}]},
)


class TestEvidence(SimpleTestCase):
    def _stored(self, evidence):
        return json.loads(json.dumps(evidence.dump()))

    def test_everything_comes_back(self):
        for each in fields(Evidence):
            default = getattr(Evidence(), each.name)
            self.assertNotEqual(getattr(KNOWN, each.name), default, each.name)
        self.assertEqual(Evidence.load(self._stored(KNOWN)), KNOWN)

    def test_what_is_not_known_takes_no_room(self):
        self.assertEqual(Evidence().dump(), {})
        self.assertEqual(self._stored(Evidence(overlay=False)), {"overlay": False})
        known = {"description": None, "version": None, "revision": None}
        self.assertEqual(Evidence(expected=known).dump(), {"expected": known})

    def test_rows_without_evidence(self):
        for stored in (None, {}, {"boot_id": None, "flash_answer": None}):
            with self.subTest(stored=stored):
                self.assertEqual(Evidence.load(stored), Evidence())

    def test_facts_of_a_later_version_stay_when_this_one_goes_on(self):
        stored = {"from_the_future": 1, "boot_id": "abc"}
        evidence = replace(Evidence.load(stored), boot_id=None, overlay=True)
        self.assertEqual(evidence.dump(), {"from_the_future": 1, "overlay": True})

    def test_what_a_device_said_can_be_stored(self):
        answer = FlashAnswer("undecided", "a\x00b\ud800c")
        stored = Evidence(flash_answer=answer).dump()
        self.assertEqual(stored["flash_answer"]["text"], "a\ufffdb\ufffdc")
