"""The end of the flash command, read as plain data."""

from __future__ import annotations

from django.test import SimpleTestCase
from openwisp_controller.connection.connectors.exceptions import (
    CommandTimeoutException,
)
from paramiko import ChannelException, SSHException

from ..upgraders.openwrt.handoff import (
    HANDED_OFF,
    NOT_SENT,
    REFUSED,
    UNDECIDED,
    classify,
)


class TestHandoff(SimpleTestCase):
    def test_answers(self):
        table = [
            (0, "Commencing upgrade. Closing all shell sessions.", HANDED_OFF),
            (-1, "", HANDED_OFF),
            (10, "", HANDED_OFF),
            (1, "Command failed: Connection failed", HANDED_OFF),
            (1, "Image check failed.", REFUSED),
            (1, "The device is not supported by this image", REFUSED),
            (1, "Firmware image is broken and cannot be installed", REFUSED),
            (1, "something nobody has seen before", UNDECIDED),
            (7, "Image check failed.", UNDECIDED),
            (255, "", UNDECIDED),
        ]
        for code, text, kind in table:
            with self.subTest(code=code, text=text):
                self.assertEqual(classify(code, text).kind, kind)

    def test_errors(self):
        table = [
            (CommandTimeoutException("timed out"), HANDED_OFF),
            (TimeoutError("timed out"), HANDED_OFF),
            (EOFError(), HANDED_OFF),
            (ConnectionResetError("reset"), HANDED_OFF),
            (SSHException("SSH session not active"), NOT_SENT),
            (ChannelException(2, "refused"), NOT_SENT),
            (SSHException("something else"), UNDECIDED),
            (ValueError("a bug"), UNDECIDED),
        ]
        for error, kind in table:
            with self.subTest(error=error):
                self.assertEqual(classify(None, "", error).kind, kind)

    def test_false_positives_count_as_handed_off(self):
        found = classify(1, "odd words", None, ["odd .ords"])
        self.assertEqual(found.kind, HANDED_OFF)
