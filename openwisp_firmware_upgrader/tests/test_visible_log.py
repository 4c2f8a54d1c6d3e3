"""A device writes no line of the log that looks like ours."""

from __future__ import annotations

import logging
import socket

import paramiko
from django.test import SimpleTestCase, TransactionTestCase
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
)

from ..foreign_text import clean, clean_fact, clean_json, inline, quoted
from ..upgraders import device_words
from .devices import BEFORE, FakeDeviceMixin, reached
from .test_foreign_text import Answering

FORGED = "Upgrade completed successfully."
BREAKS = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
UNSEEN = "\x07\x08\x1b\x7f\x9b\u202e\u2066\u200f\ufeff\U000e0041"


class TestVisible(SimpleTestCase):
    def test_s14_one_line_stays_one_line(self):
        for pause in BREAKS:
            with self.subTest(pause=pause):
                text = inline(f"words{pause}{FORGED}")
                for line in text.splitlines()[1:]:
                    self.assertTrue(line.startswith("> "), text)
                self.assertEqual(inline(text), text)
                self.assertTrue(all(c.isprintable() or c == "\n" for c in text))
                self.assertNotIn("\n", clean_fact(f"words{pause}{FORGED}"))

    def test_s14_what_cannot_be_seen_is_written(self):
        self.assertEqual(clean("\x1b[2Ka\u202eb"), "\\x1b[2Ka\\u202eb")
        self.assertEqual(
            clean("tab\there, nothing else: àéø 日本 \u200d"),
            "tab\there, nothing else: àéø 日本 \u200d",
        )
        for text in (clean(UNSEEN), clean_fact(UNSEEN), clean_json([UNSEEN])[0]):
            self.assertTrue(text.isprintable(), text)

    def test_s14_quotes(self):
        self.assertEqual(quoted("a\nb\n"), "> a\n> b\n")
        self.assertEqual(quoted(""), "")

    def test_s14_paramiko_logs_no_line_of_a_device(self):
        record = logging.makeLogRecord(
            {"msg": "Disconnect (code %d): %s", "args": (2, f"\x1b\n{FORGED}" * 900)}
        )
        logger = logging.getLogger("paramiko.transport")
        self.assertTrue(logger.filter(record))
        text = record.getMessage()
        self.assertIn(f"\\x1b\n> {FORGED}", text)
        self.assertLess(len(text), 1100)

    def test_s14_paramiko_logs_a_number_of_lines_per_connection(self):
        words = device_words.DeviceWords()
        record = logging.makeLogRecord({"msg": "Oops", "levelno": logging.WARNING})
        passed: list[bool] = []

        class Connection(paramiko.Transport):
            def run(self):
                passed.extend(words.filter(record) for _line in range(1000))

        here, there = socket.socketpair()
        with here, there:
            thread = Connection(here)
            thread.start()
            thread.join(30)
        self.assertEqual(passed.count(True), device_words.LINES)
        self.assertTrue(words.filter(record))


class TestVisibleLog(FakeDeviceMixin, TransactionTestCase):
    def _log(self, answers, **attributes):
        device, image = self._environment()
        fake = Answering(answers, uuid=device.pk, release=BEFORE, **attributes)
        operation = self._operation(device, image)
        with (
            reached(fake),
            self.assertLogs("openwisp_firmware_upgrader", "INFO") as logs,
        ):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        written = "\n".join(record.getMessage() for record in logs.records)
        for text in (operation.log, written):
            self.assertNotIn(FORGED, text.splitlines())
            self.assertTrue(all(c.isprintable() or c in "\n\t" for c in text), text)
        return operation.log

    def test_s14_an_id_of_several_lines(self):
        words = f"\r\n{FORGED}\x1b[2K\u202e"
        log = self._log({"uci get openwisp.http.uuid": f"x{words}"})
        self.assertIn("Device UUID mismatch", log)

    def test_s14_output_of_sysupgrade(self):
        log = self._log({"sysupgrade -v": f"{FORGED}\n{FORGED}\r{FORGED}\n"})
        self.assertIn(f"\n> {FORGED}\n> {FORGED}\\r{FORGED}\n", log)

    def _failing(self, part, words):
        """Returns the operation of a device that fails a command in these words."""
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = Answering({}, uuid=device.pk, release=BEFORE)
        run = fake.exec_command

        def exec_command(command, *args, **kwargs):
            if part in command:
                raise CommandFailedException(words)
            return run(command, *args, **kwargs)

        fake.exec_command = exec_command
        with reached(fake):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        return operation

    def test_s14_a_refusal_of_the_image(self):
        operation = self._failing("--test", f"{FORGED}\n{FORGED}\x1b")
        self.assertEqual(operation.status, "aborted")
        self.assertIn(f"\n> {FORGED}\n> {FORGED}\\x1b\n", operation.log)

    def test_s14_a_command_that_fails(self):
        operation = self._failing("rm -rf", f"{FORGED}\n{FORGED}")
        self.assertEqual(operation.status, "failed")
        self.assertTrue(operation.log.endswith(f"\n> {FORGED}\n> {FORGED}"))
