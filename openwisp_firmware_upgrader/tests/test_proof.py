"""The table of the proof, row by row."""

from __future__ import annotations

from django.test import SimpleTestCase

from ..upgraders.openwrt.proof import (
    FAILED,
    SUCCESS,
    WAIT,
    After,
    Before,
    Release,
    judge,
)

OLD = Release(description="OpenWrt 1.0 r1")
NEW = Release(description="OpenWrt 2.0 r2")
ODD = Release(description="OpenWrt 9.9 r9")
NONE = Release()
UUID = "2a0c0b7e-0000-4000-8000-000000000001"


def before(**values):
    """Returns the usual facts of before the flash."""
    usual = {
        "boot_id": "a",
        "release": OLD,
        "expected": NEW,
        "typed": False,
        "uuid": UUID,
        "wipes": False,
    }
    return Before(**{**usual, **values})


def after(**values):
    """Returns the usual facts of a device that came back upgraded."""
    return After(**{"boot_id": "b", "release": NEW, "uuid": UUID, **values})


class TestProof(SimpleTestCase):
    def _assert(self, kind, was, now):
        verdict = judge(was, now)
        self.assertEqual(verdict.kind, kind, verdict.text)
        self.assertTrue(str(verdict.text))

    def test_new_boot_id_and_expected_release(self):
        self._assert(SUCCESS, before(), after())

    def test_rebuild_of_the_same_release(self):
        self._assert(SUCCESS, before(release=NEW), after())

    def test_boot_id_unchanged(self):
        self._assert(WAIT, before(), after(boot_id="a", release=OLD))

    def test_boot_id_unchanged_even_with_the_expected_release(self):
        self._assert(WAIT, before(), after(boot_id="a"))

    def test_old_firmware(self):
        self._assert(FAILED, before(), after(release=OLD))

    def test_unexpected_release(self):
        self._assert(FAILED, before(), after(release=ODD))

    def test_typed_release_is_a_warning_only(self):
        self._assert(SUCCESS, before(typed=True), after(release=ODD))

    def test_nothing_to_compare_with(self):
        self._assert(SUCCESS, before(expected=NONE), after())
        self._assert(SUCCESS, before(), after(release=NONE))

    def test_unreadable_boot_id_leaves_the_release(self):
        self._assert(SUCCESS, before(boot_id=None), after(boot_id=None))
        self._assert(WAIT, before(boot_id=None), after(boot_id=None, release=OLD))

    def test_nothing_known_of_before(self):
        unknown = {"boot_id": None, "release": NONE}
        self._assert(SUCCESS, before(**unknown), after())
        for typed in (True, False):
            was = before(**unknown, typed=typed)
            self._assert(WAIT, was, after(release=OLD))
        self._assert(WAIT, before(**unknown, expected=NONE), after())

    def test_device_that_never_tells_more_than_its_uuid(self):
        silent = {"boot_id": None, "release": NONE}
        self._assert(WAIT, before(**silent), after(**silent))
        was = before(**silent, handed_off=True)
        self._assert(SUCCESS, was, after(**silent))
        self._assert(WAIT, was, after(**silent, uuid="another"))
        # one that could tell before and cannot now may be the old boot
        for known in ({"boot_id": "a"}, {"release": OLD}):
            was = before(**{**silent, **known}, handed_off=True)
            self._assert(WAIT, was, after(**silent))

    def test_another_device(self):
        self._assert(WAIT, before(), after(uuid="another"))
        self._assert(WAIT, before(), after(uuid=""))

    def test_wiped_device_is_known_by_its_release(self):
        self._assert(SUCCESS, before(wipes=True), after(uuid=""))
        self._assert(WAIT, before(wipes=True), after(uuid="", release=ODD))
        self._assert(WAIT, before(wipes=True), after(uuid="", boot_id="a"))
        # it may have registered again meanwhile
        self._assert(SUCCESS, before(wipes=True), after(uuid="another"))
