"""What devices, images and clients say is stored, whatever it is."""

from __future__ import annotations

import json

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, IntegrityError, OperationalError
from django.http import QueryDict
from django.test import SimpleTestCase, TransactionTestCase
from rest_framework.exceptions import ValidationError as ApiValidationError
from rest_framework.serializers import Serializer
from swapper import load_model as load_any_model

from ..admin.shared.form_fields import StorableJSONField as AdminField
from ..api.serializers.options import UpgradeOptionsField as ApiField
from ..engine import outcomes
from ..foreign_text import (
    clean,
    clean_json,
    inline,
    is_storable,
    message_of,
    parse_json,
    parse_number,
    quoted,
)
from ..images.fwtool import INFO, MAGIC, TRAILER, crc32_of
from ..images.release import release_of
from ..state import keeper, leases
from ..state.decisions import Retry
from ..state.run import Run
from ..statuses import Phase
from ..swapper import load_model
from ..testing import FakeDevice
from ..upgraders.openwrt.facts import (
    parse_available_kib,
    parse_boot_id,
    parse_meminfo_kib,
    parse_release,
    parse_sha256,
    parse_uuid,
)
from .devices import BEFORE, FakeDeviceMixin, Speechless, reached

MANY_DIGITS = "9" * 5000
BRACKETS = "[" * 29_000
# JSON that a parser takes and a database does not, and JSON that no parser takes
HOSTILE = {
    "nul": '{"release": {"description": "a\\u0000b", "revision": "r\\u0000"}}',
    "surrogate": '{"release": {"description": "a\\ud800b", "revision": "\\udfff"}}',
    "nan": '{"release": {"description": NaN, "revision": -Infinity}}',
    "infinity": '{"release": {"description": 1e400, "revision": [1e400]}}',
    "number": f'{{"release": {{"description": {MANY_DIGITS}}}}}',
    "brackets": BRACKETS,
    "nested": '{"release": ' + '{"a": ' * 500 + "1" + "}" * 501,
    "list": '[{"release": 1}]',
    "objects": '{"release": {"description": {"a": "\\u0000"}, "revision": true}}',
    "long": f'{{"release": {{"description": "{"x" * 100_000}"}}}}',
}
NO_NUMBERS = ("²", "٣", "１２", MANY_DIGITS, "-1", "1.5", "NaN", "", "1_0", "\x00")


class Answering(FakeDevice):
    """A simulated device that answers some commands in words of its own."""

    def __init__(self, answers, **attributes):
        super().__init__(**attributes)
        self.answers = answers

    def exec_command(self, command, *args, **kwargs):
        for part, answer in self.answers.items():
            if part in command:
                return answer, 0
        return super().exec_command(command, *args, **kwargs)


def image_with(text):
    """Returns an upload whose metadata are this text."""
    body = b"x" * 4096 + bytes(8) + text.encode("utf-8", "surrogatepass")
    size = len(text.encode("utf-8", "surrogatepass")) + 8 + TRAILER.size
    trailer = TRAILER.pack(MAGIC, crc32_of([body]), INFO, size)
    return SimpleUploadedFile("openwrt.bin", body + trailer)


class TestParsers(SimpleTestCase):
    def test_errors_that_fail_to_say_anything_are_named(self):
        for words in (clean, inline, quoted, message_of):
            with self.subTest(words=words):
                self.assertIn("Speechless", words(Speechless("x")))
        self.assertEqual(message_of(OSError()), "OSError")
        self.assertEqual(message_of(OSError("no route")), "no route")

    def test_s5_answers_that_cannot_be_understood_are_unknown(self):
        for text in NO_NUMBERS:
            with self.subTest(text=text[:10]):
                self.assertIsNone(parse_number(text))
                self.assertIsNone(parse_meminfo_kib(f"MemAvailable: {text}"))
                self.assertIsNone(
                    parse_available_kib(f"tmpfs 1 1 {text or '-'} 1% /tmp")
                )
                self.assertIsNone(parse_boot_id(text))
                self.assertIsNone(parse_sha256(text))
        self.assertEqual(parse_number(" 12\n"), 12)
        self.assertLessEqual(len(parse_uuid("x" * 100_000)), 256)

    def test_s5_releases_are_texts_that_can_be_stored(self):
        for name, text in HOSTILE.items():
            with self.subTest(name=name):
                facts = vars(parse_release(text))
                self.assertTrue(is_storable(facts), facts)
                self.assertLess(len(json.dumps(facts)), 2000)
                self.assertTrue(is_storable(release_of({"version": parse_json(text)})))

    def test_s5_json_for_a_column(self):
        found = clean_json(
            {"a\x00": float("nan"), "b": [float("inf"), 2**80, 1, True, None, "\ud800"]}
        )
        expected = {"a\ufffd": None, "b": [None, None, 1, True, None, "\ufffd"]}
        self.assertEqual(found, expected)
        self.assertEqual(clean_json(found), found)
        deep: list = []
        for _level in range(5000):
            deep = [deep]
        self.assertFalse(is_storable(deep))


class TestOptions(SimpleTestCase):
    UNSTORABLE = (
        '{"a": NaN}',
        '{"a": 1e400}',
        '{"a": "\\u0000"}',
        '{"\\ud800": 1}',
        f'{{"a": {MANY_DIGITS}}}',
        '{"a": ' + "[" * 29_000,
        '{"a": ' + "[" * 500 + "]" * 500 + "}",
    )

    def test_s5_the_admin_refuses_options_that_cannot_be_stored(self):
        field = AdminField()
        self.assertEqual(field.clean('{"c": true}'), {"c": True})
        for text in self.UNSTORABLE:
            with self.subTest(text=text[:20]):
                with self.assertRaises(ValidationError):
                    field.clean(text)
                self.assertTrue(field.has_changed({}, text))
                field.prepare_value(field.bound_data(text, {}))

    def test_s5_the_api_refuses_options_that_cannot_be_stored(self):
        class Options(Serializer):
            options = ApiField()

        for text in self.UNSTORABLE:
            with self.subTest(text=text[:20]), self.assertRaises(ApiValidationError):
                data = QueryDict(mutable=True)
                data["options"] = text
                Options(data=data).is_valid(raise_exception=True)
        data["options"] = '{"emoji": "\\ud83d\\ude00"}'
        self.assertTrue(Options(data=data).is_valid())


class TestForeignText(FakeDeviceMixin, TransactionTestCase):
    def _end_with(self, answers, image=None):
        device, usual = self._environment()
        if image is not None:
            usual.file = image
            usual.save()
        fake = Answering(answers, uuid=device.pk, release=BEFORE)
        operation = self._operation(device, usual)
        with reached(fake):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertIsNone(operation.lease_expires_at)
        operation.image.refresh_from_db()
        return operation, fake

    def _environment(self, *args, **kwargs):
        # each case starts with nothing of the ones before
        load_model("Category").objects.all().delete()
        load_any_model("config", "Device").objects.all().delete()
        load_any_model("connection", "Credentials").objects.all().delete()
        return super()._environment(*args, **kwargs)

    def test_s5_facts_of_a_device(self):
        for name, text in HOSTILE.items():
            with self.subTest(name=name):
                answers = {"ubus call system board": text, "boot_id": "\x00" * 9}
                operation, fake = self._end_with(answers)
                # what the proof makes of what is unknown
                self.assertIn(operation.status, ("failed", "success"), operation.log)
                self.assertEqual(operation.phase, Phase.DONE)
                self.assertEqual(len(fake.flashes), 1)
                self.assertNotIn("database", operation.log)
                self.assertNotIn("Exceeds", operation.log)

    def test_s5_an_id_that_cannot_be_stored(self):
        for text in ("\x00", "a\x00b\ud800", MANY_DIGITS, "x" * 2_000_000):
            with self.subTest(text=text[:5]):
                operation, _fake = self._end_with({"uci get openwisp.http.uuid": text})
                self.assertEqual(operation.status, "aborted", operation.log)
                self.assertLess(len(operation.log), 2000)

    def test_s5_sizes_that_are_no_numbers(self):
        for text in ("²", MANY_DIGITS, "\x00"):
            with self.subTest(text=text[:10]):
                answers = {"df -k": f"a 1 1 {text} 1% /tmp", "sha256sum": "?"}
                operation, _fake = self._end_with({**answers, "wc -c": text})
                self.assertEqual(operation.status, "success", operation.log)
                answers = {"/proc/meminfo": f"MemAvailable: {text} kB"}
                operation, _fake = self._end_with(answers)
                self.assertEqual(operation.status, "failed", operation.log)
                self.assertIn("does not tell how much of its memory", operation.log)

    def test_s5_answer_to_the_flash_command(self):
        operation, _fake = self._end_with({"sysupgrade -v": "a\x00b\ud800c"})
        self.assertEqual(operation.status, "failed", operation.log)
        self.assertEqual(operation.evidence["flash_answer"]["text"], "a\ufffdb\ufffdc")
        self.assertIn("did not reboot", operation.log)

    def test_s5_metadata_of_an_image(self):
        for name, text in HOSTILE.items():
            if len(text) > 30_000:
                continue
            with self.subTest(name=name):
                text = text.replace('"release"', '"version"')
                operation, _fake = self._end_with({"--test": ""}, image_with(text))
                self.assertNotIn("Max retries", operation.log)
                self.assertNotEqual(operation.status, "in-progress", operation.log)
                self.assertTrue(operation.evidence["flash_sent_at"])
                self.assertTrue(is_storable(operation.image.metadata))

    def test_s5_why_a_connection_failed(self):
        device, _image = self._environment()
        connection = device.deviceconnection_set.get()
        connection.failure_reason = (
            'Indecipherable version "\x00\ud800"' + "x" * 100_000
        )
        connection.save()
        connection.refresh_from_db()
        self.assertIn("\ufffd\ufffd", connection.failure_reason)
        self.assertLess(len(connection.failure_reason), 20_000)

    def _concluded(self, error, evidence=None):
        device, image = self._environment()
        operation = self._operation(device, image, evidence=evidence or {})
        number = leases.claim(operation.pk, seconds=60)
        operation.refresh_from_db()
        with keeper.running(Run(operation, number, limit=60, lease=60)) as run:
            decision = outcomes.apply(run, error, recoverable=True)
        if isinstance(decision, Retry):
            self.assertIn("refused", str(decision.error))
        operation.refresh_from_db()
        return operation

    def test_s5_only_a_lost_connection_is_no_database(self):
        operation = self._concluded(DataError("invalid input syntax for type json"))
        self.assertEqual(operation.status, "failed")
        self.assertIn("refused to store", operation.log)
        self.assertNotIn("invalid input", operation.log)
        operation = self._concluded(IntegrityError("constraint"))
        self.assertEqual((operation.status, operation.phase), ("in-progress", "queued"))
        self.assertIsNone(operation.lease_expires_at)
        operation = self._concluded(OperationalError("the connection is closed"))
        self.assertIsNotNone(operation.lease_expires_at)

    def test_s5_refused_data_is_no_end_of_a_flashed_device(self):
        operation = self._concluded(DataError("x"), {"flash_sent_at": "2026"})
        self.assertEqual((operation.status, operation.phase), ("in-progress", "reboot"))
        self.assertIn("refused", operation.log)
