"""Reads the end of the flash command: pure and total (openwrt.md 4.6)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

from openwisp_controller.connection.connectors.exceptions import (
    CommandTimeoutException,
)
from paramiko import ChannelException, SSHException

from ...foreign_text import message_of, safe_str

HANDED_OFF = "handed_off"
REFUSED = "refused"
NOT_SENT = "not_sent"
UNDECIDED = "undecided"

# UBUS_STATUS_CONNECTION_FAILED: procd answers nothing once it goes on
EXIT_HANDED_OFF = (0, -1, 10)
# what sysupgrade and procd say when they will not flash an image
REFUSALS = (
    "image check",
    "not supported by this image",
    "firmware image is broken",
    "firmware image is invalid",
    "doesn't allow preserving",
    "invalid option",
    "invalid image",
    "cannot be upgraded",
    "image verification failed",
    "not enough space",
)
LINK_LOST = (
    CommandTimeoutException,
    socket.timeout,
    EOFError,
    ConnectionError,
    BrokenPipeError,
    OSError,
)
NEVER_OPENED = ("session not active", "not connected", "no existing session")


class Handoff(NamedTuple):
    """What became of the flash command, and the device's words about it."""

    kind: str
    text: str
    code: int | None = None


def classify(
    code: int | None,
    text: str,
    error: BaseException | None = None,
    false_positives: Iterable[str] = (),
) -> Handoff:
    """Decides what the end of the flash command means.

    Arguments:
        code: exit code, None when there was none.
        text: what the device printed.
        error: what the connector raised instead.
        false_positives: patterns of texts that look like failures but are not.
    """
    words = text if error is None else message_of(error)
    if "Connection failed" in words or _matches(false_positives, words):
        return Handoff(HANDED_OFF, words, code)
    if error is not None:
        return Handoff(_kind_of_error(error), words, code)
    if code in EXIT_HANDED_OFF:
        return Handoff(HANDED_OFF, words, code)
    known = any(refusal in words.lower() for refusal in REFUSALS)
    return Handoff(REFUSED if code == 1 and known else UNDECIDED, words, code)


def _matches(patterns: Iterable[str], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)


def _kind_of_error(error: BaseException) -> str:
    unopened = any(words in safe_str(error).lower() for words in NEVER_OPENED)
    if isinstance(error, ChannelException) or (
        isinstance(error, SSHException) and unopened
    ):
        return NOT_SENT
    return HANDED_OFF if isinstance(error, LINK_LOST) else UNDECIDED
