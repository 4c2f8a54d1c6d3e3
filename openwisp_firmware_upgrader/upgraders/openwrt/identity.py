"""Is it the right device, and does it run the image already?"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO, cast

from django.utils.translation import gettext as _

from ...exceptions import RecoverableFailure, UpgradeAborted, UpgradeNotNeeded
from ...images import read_metadata, sha256_and_size
from ...images.release import release_of
from ...protocols import DeviceConnection, Image, Operation
from ...state import keeper
from ...statuses import UpgradeProgress
from . import ssh
from .facts import UUID, FactsMixin, parse_uuid
from .packets import guard
from .proof import Release


class IdentityMixin(FactsMixin):
    """The checks before anything is changed on the device."""

    CHECKSUM_FILE = "/etc/openwisp/firmware_checksum"
    upgrade_operation: Operation
    connection: DeviceConnection

    @property
    def _image(self) -> Image:
        # the engine has seen that it was not deleted
        return cast("Image", self.upgrade_operation.image)

    def _test_connection(self) -> None:
        if not self.connect():
            raise RecoverableFailure(_("the connection to the device failed"))
        ssh.bound(self.connection.connector_instance)
        self.log(_("Connection successful, starting upgrade..."), save=False)

    def _verify_device_uuid(self) -> None:
        output, code = self.exec_command(UUID, exit_codes=[0, 1])
        found = parse_uuid(output) if code == 0 else ""
        if not found:
            text = _(
                "Could not read device UUID: it is not configured on the device. "
                "Nothing was changed."
            )
            self._abort(text)
        expected = parse_uuid(str(self.upgrade_operation.device_id))
        if found != expected:
            text = _(
                "Device UUID mismatch: expected %(expected)s, found %(found)s. "
                "Another device answers at this address; nothing was changed."
            )
            self._abort(text % {"expected": expected, "found": found})
        self.log(_("Device identity verified successfully."), save=False)

    def _abort(self, text: str) -> None:
        self.log(text)
        raise UpgradeAborted

    def _read_facts(self) -> None:
        """Notes what the proof will be compared with."""
        release = self._read_release()
        expected, typed = self._expected_release()
        facts = replace(
            self._engine_run.evidence,
            boot_id=self._read_boot_id(),
            release=vars(release),
            expected=vars(expected),
            typed=typed,
            overlay=self._has_overlay(),
        )
        self._engine_run.note(facts)

    def _note_expected(self) -> None:
        """Notes what the image installs, where the first half did not.

        So it is with operations that an earlier version left in progress.
        """
        image = self.upgrade_operation.image
        if image is None:
            return
        try:
            self._measure(image.file)
        finally:
            image.close_file()
        expected, typed = self._expected_release()
        known = self._engine_run.evidence
        self._engine_run.record(
            evidence=replace(known, expected=vars(expected), typed=typed)
        )

    def _expected_release(self) -> tuple[Release, bool]:
        image = self._image
        declared = Release(**release_of(image.metadata))
        if declared:
            return declared, False
        return Release(description=image.build.os or None), True

    def _measure(self, image_file: BinaryIO) -> tuple[str, int]:
        """Returns SHA-256 and size of the image, measured once and stored."""
        image = self._image
        if not image.checksum or image.size is None:
            image.checksum, image.size = sha256_and_size(image_file)
            image.metadata = read_metadata(image_file)
            self._store_measures(image)
        elif image.metadata is None:
            image.metadata = read_metadata(image_file) or {}
            self._store_measures(image)
        return image.checksum, image.size

    def _store_measures(self, image: Image) -> None:
        values = {
            "checksum": image.checksum,
            "size": image.size,
            "metadata": image.metadata or {},
        }
        type(image).objects.filter(pk=image.pk).update(**values)

    def _test_checksum(self, image: BinaryIO) -> str:
        checksum, _size = self._measure(image)
        path = self.CHECKSUM_FILE
        _output, code = self.exec_command(f"test -f {path}", exit_codes=[0, 1])
        if code != 0:
            text = _("Image checksum file not found, proceeding with the upload.")
            self.log(text, save=False)
            return checksum
        self.log(_("Image checksum file found."), save=False)
        output, _code = self.exec_command(f"cat {path}")
        progress = UpgradeProgress.CHECKSUM_VERIFIED
        self.upgrade_operation.update_progress(progress)
        if output.strip() == checksum and self._marker_is_trusted():
            self.log(
                _("The device runs this image already, firmware upgrade not needed.")
            )
            raise UpgradeNotNeeded
        self.log(_("Checksum different, proceeding with the upload of the new image."))
        return checksum

    def _marker_is_trusted(self) -> bool:
        release, (expected, _typed) = self._read_release(), self._expected_release()
        if not release or not expected or release.is_same(expected):
            return True
        text = _(
            "The checksum file names this image, but the device runs %(release)s: "
            "the file is not trusted."
        )
        self.log(text % {"release": release})
        return False

    def connect(self) -> bool:
        """Opens the connection unless it is open; returns whether it is."""
        if ssh.is_open(self.connection):
            return True
        guard(self.connection.connector_instance)
        with keeper.connecting(self._engine_run, self.connection):
            return self.connection.connect()

    def log(self, value: object, save: bool = True) -> None:
        """Appends a line to the log of the operation."""
        self.upgrade_operation.log_line(str(value), save=save)
