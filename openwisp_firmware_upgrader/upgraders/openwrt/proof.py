"""Decides whether an upgrade worked: a pure function of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _

SUCCESS = "success"
FAILED = "failed"
WAIT = "wait"


@dataclass(frozen=True)
class Release:
    """A release as a device reports it or an image declares it."""

    description: str | None = None
    version: str | None = None
    revision: str | None = None

    def __bool__(self) -> bool:
        return bool(self.description or self.revision)

    def __str__(self) -> str:
        known = filter(None, (self.version, self.revision))
        return self.description or " ".join(known) or "?"

    def is_same(self, other: Release) -> bool:
        """Tells whether both name one release; the revision counts most."""
        if self.revision and other.revision:
            mine, theirs = self.version, other.version
            versions_agree = not (mine and theirs) or mine == theirs
            return self.revision == other.revision and versions_agree
        return bool(self.description) and self.description == other.description


@dataclass(frozen=True)
class Before:
    """What was known before the flash.

    Attributes:
        boot_id: id of the boot the device was flashed in, None if unreadable.
        release: what it ran then.
        expected: what the image installs.
        typed: whether ``expected`` is only what somebody typed into the build.
        uuid: the device's id.
        wipes: whether the configuration was discarded (option n).
        handed_off: whether the device's answer to the flash was understood as
            "it goes on".
    """

    boot_id: str | None
    release: Release
    expected: Release
    typed: bool
    uuid: str
    wipes: bool = False
    handed_off: bool = False


@dataclass(frozen=True)
class After:
    """What the device says now; blank or None where it says nothing."""

    boot_id: str | None
    release: Release
    uuid: str


class Verdict(NamedTuple):
    """The end of the proof: ``kind`` and the line that says why.

    WAIT means "not yet", and FAILED with that line if it stays so.
    """

    kind: str
    text: str
    # the release it had before the flash was found again
    unchanged: bool = False


def judge(before: Before, after: After) -> Verdict:
    """Returns whether the upgrade is proven, failed, or not decided yet."""
    rebooted = _rebooted(before, after)
    if after.uuid != before.uuid:
        return _judge_stranger(before, after, rebooted)
    if rebooted is False:
        return Verdict(
            WAIT,
            _("The device did not reboot: it still runs the boot it was flashed in."),
        )
    return _judge_release(before, after, certain=rebooted is True)


def _rebooted(before: Before, after: After) -> bool | None:
    if not before.boot_id or not after.boot_id:
        return None
    return before.boot_id != after.boot_id


def _judge_stranger(before: Before, after: After, rebooted: bool | None) -> Verdict:
    expected = before.expected and after.release.is_same(before.expected)
    found = after.uuid or _("no UUID")
    if before.wipes and rebooted and expected:
        # the UUID went with the configuration, a new one may have been given
        text = _(
            "The device runs the expected firmware, its configuration was "
            "discarded (%(found)s found instead of its UUID)."
        )
        return Verdict(SUCCESS, text % {"found": found})
    text = _(
        "Device UUID mismatch after the flash: expected %(expected)s, found %(found)s."
    )
    return Verdict(WAIT, text % {"expected": before.uuid, "found": found})


def _judge_release(before: Before, after: After, *, certain: bool) -> Verdict:
    found, expected = after.release, before.expected
    values = {"found": found, "expected": expected}
    if not found or not expected:
        return _judge_incomparable(before, after, certain=certain)
    if found.is_same(expected):
        return _judge_expected(before, found, certain=certain)
    if found.is_same(before.release):
        text = _("The device came back with the old firmware (%(found)s).")
        # without a boot id it may simply not have rebooted yet
        kind = FAILED if certain else WAIT
        return Verdict(kind, text % values, unchanged=True)
    if not certain and not before.release:
        text = _(
            "The device runs %(found)s, not %(expected)s, and it is not known whether "
            "it has rebooted since the flash."
        )
        return Verdict(WAIT, text % values)
    if before.typed:
        text = _(
            "Warning: the device runs %(found)s, but the OS identifier typed into "
            "the build is %(expected)s. Check the build."
        )
        return Verdict(SUCCESS, text % values)
    text = _("The device runs an unexpected release: %(found)s, not %(expected)s.")
    return Verdict(FAILED, text % values)


def _judge_expected(before: Before, found: Release, *, certain: bool) -> Verdict:
    if certain:
        text = _("The device rebooted and runs %(found)s.") % {"found": found}
        return Verdict(SUCCESS, text)
    text = _("The boot id cannot be read; the release decides: %(found)s.")
    if before.release and found.is_same(before.release):
        text = _(
            "The boot id cannot be read and the release %(found)s is the one the "
            "device had before: the upgrade could not be proven."
        )
        return Verdict(WAIT, text % {"found": found})
    return Verdict(SUCCESS, text % {"found": found})


def _judge_incomparable(before: Before, after: After, *, certain: bool) -> Verdict:
    if certain:
        return Verdict(
            SUCCESS,
            _(
                "The device rebooted; there is no release to compare with, since "
                "neither the image nor the build names one the device reports."
            ),
        )
    changed = before.release and after.release
    if changed and not after.release.is_same(before.release):
        text = _("The boot id cannot be read; the release changed to %(found)s.")
        return Verdict(SUCCESS, text % {"found": after.release})
    if before.handed_off and not (before.boot_id or before.release or after.release):
        text = _(
            "The device tells neither boot id nor release: it took the image, went "
            "away and answers again with its own UUID, more cannot be known."
        )
        return Verdict(SUCCESS, text)
    return Verdict(
        WAIT,
        _("Neither boot id nor release can be compared: the upgrade is not proven."),
    )
