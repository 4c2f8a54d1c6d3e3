"""What a device says of itself; answers we do not understand mean unknown."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError

from ...exceptions import FirmwareUpgraderException
from ...foreign_text import clean_fact, parse_json, parse_number
from ..base import LINK_FAILURES
from .part import Part
from .proof import Release

logger = logging.getLogger(__name__)

# what says more than that a question was not understood
TELLING = (
    FirmwareUpgraderException,
    SoftTimeLimitExceeded,
    DatabaseError,
    *LINK_FAILURES,
)

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
BOARD = "ubus call system board"
UUID = "uci get openwisp.http.uuid"
OVERLAY = "test -d /overlay/upper/etc"


def parse_uuid(text: str) -> str:
    """Returns an id in its usual form; text that is none as one short line."""
    text = clean_fact(text)
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return text


def parse_boot_id(text: str) -> str | None:
    """Returns the id of the boot, None when the text is none."""
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        return None


def parse_release(text: str) -> Release:
    """Reads the answer of ``ubus call system board`` (openwrt.md 4.8)."""
    board = parse_json(text)
    release = board.get("release") if isinstance(board, dict) else None
    if not isinstance(release, dict):
        return Release()
    names = ("description", "version", "revision")
    facts = {name: clean_fact(release.get(name)) for name in names}
    return Release(**{name: fact for name, fact in facts.items() if fact})


def parse_sha256(text: str) -> str | None:
    """Returns the checksum that ``sha256sum`` printed, None if it did not."""
    found = re.match(r"\s*([0-9a-f]{64})\b", text)
    return found.group(1) if found else None


def parse_available_kib(text: str) -> int | None:
    """Returns the free KiB of ``df -k``, None when it is not readable."""
    for line in reversed(text.strip().splitlines()):
        fields = line.split()
        found = parse_number(fields[-3]) if len(fields) >= 5 else None
        if found is not None:
            return found
    return None


def parse_meminfo_kib(text: str) -> int | None:
    """Returns the KiB of a line of /proc/meminfo, None when it is not readable."""
    fields = text.split()
    return parse_number(fields[1]) if len(fields) > 1 else None


class FactsMixin(Part):
    """Asks the device; every answer may be unknown."""

    def _ask(self, command: str) -> str:
        output, code = self._try(command)
        return str(output) if code == 0 else ""

    def _try(self, command: str) -> tuple[str, int | None]:
        try:
            return self.exec_command(command, raise_unexpected_exit=False)
        except TELLING:
            raise
        except Exception:  # noqa: BLE001 a question that fails is no answer
            logger.info("The device does not understand %r", command, exc_info=True)
            return "", None

    def _read_boot_id(self) -> str | None:
        return parse_boot_id(self._ask(BOOT_ID))

    def _read_release(self) -> Release:
        return parse_release(self._ask(BOARD))

    def _has_overlay(self) -> bool | None:
        _output, code = self._try(OVERLAY)
        return {0: True, 1: False}.get(-1 if code is None else code)

    def exec_command(self, *args: Any, **kwargs: Any) -> tuple[str, int]:
        """Runs a command on the device, see the connector."""
        raise NotImplementedError
