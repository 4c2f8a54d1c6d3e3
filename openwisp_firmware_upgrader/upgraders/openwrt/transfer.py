"""The way of the image to the device, and the proof that it got there."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from celery.exceptions import SoftTimeLimitExceeded
from django.utils.translation import gettext as _

from ...exceptions import FirmwareUpgraderException, RecoverableFailure, UpgradeAborted
from ...foreign_text import message_of, parse_number, quoted
from ...images import ImageStream
from ...protocols import DeviceConnection, Operation
from ...statuses import UpgradeProgress
from ..base import LINK_FAILURES
from ..rate import Reports, Throttle
from . import ssh
from .facts import parse_sha256
from .part import Part

# of all uploads of this worker process
reports = Reports()


class TransferMixin(Part):
    """Uploads the image and tests it on the device."""

    _SYSUPGRADE = "/sbin/sysupgrade"
    upgrade_operation: Operation
    connection: DeviceConnection

    def get_remote_path(self, image: BinaryIO) -> str:
        """Returns where on the device the image is stored."""
        return f"{self.REMOTE_UPLOAD_DIR}/{image.name.rsplit('/', 1)[-1]}"

    def _unshared(self, path: str) -> str:
        # a worker that was stopped in the middle of an upload goes on for a moment
        # when it wakes up: it must not empty the file that is flashed by then
        run = self._engine_run
        if not run.is_claimed or run.evidence.remote_path is None:
            return path
        folder, _slash, name = path.rpartition("/")
        return f"{folder}/run{run.number}-{name}"

    def _take_path(self, path: str) -> None:
        """Removes what an earlier run left and notes what this one will leave."""
        known = self._engine_run.evidence
        left = known.remote_path
        if left == path:
            return
        if left:
            command = f"rm -f {shlex.quote(left)}"
            self.exec_command(command, raise_unexpected_exit=False)
        # stored before the upload: whoever ends the operation must remove the file
        self._engine_run.note(replace(known, remote_path=path))

    def upload(self, image_file: BinaryIO, remote_path: str) -> None:
        """Makes room, uploads the image and compares its SHA-256.

        Arguments:
            image_file: the image.
            remote_path: where to store it on the device.

        Raises RecoverableFailure when it did not arrive whole.
        """
        self._take_path(remote_path)
        self.check_memory(image_file)
        checksum, size = self._measure(image_file)
        self._engine_run.store_notes()
        stream = ImageStream(image_file, size, self._on_piece(size))
        failure = self._send(stream, remote_path)
        self._verify_upload(remote_path, checksum, size, failure)

    def _send(self, stream: ImageStream, remote_path: str) -> Exception | None:
        connector = self.connection.connector_instance
        try:
            whole = ssh.released(connector, lambda: stream.is_complete)
            with whole, reports.upload():
                connector.upload(stream, remote_path)
        except (FirmwareUpgraderException, SoftTimeLimitExceeded):
            raise
        except Exception as error:  # noqa: BLE001 connectors raise anything
            if stream.is_complete:
                return error
            if isinstance(error, TimeoutError):
                # the link is silent: tidying up over it would wait again
                self.disconnect()
            raise RecoverableFailure(message_of(error)) from error
        return None

    def _on_piece(self, size: int) -> Callable[[int], None]:
        start, end = UpgradeProgress.CHECKSUM_VERIFIED, UpgradeProgress.UPLOADED
        shown = [time.monotonic()]
        run = self._engine_run
        throttle = Throttle()

        def on_piece(sent: int) -> None:
            run.check()
            throttle.wait(sent, run.check)
            if sent and time.monotonic() > shown[0] + reports.pause:
                shown[0] = time.monotonic()
                progress = start + (end - start) * sent // max(size, 1)
                run.record(progress=min(progress, end))

        return on_piece

    def _verify_upload(
        self, path: str, checksum: str, size: int, failure: Exception | None
    ) -> None:
        try:
            problem = self._find_difference(path, checksum, size)
        except LINK_FAILURES as error:
            cause = failure or error
            raise RecoverableFailure(message_of(cause)) from error
        if problem:
            raise RecoverableFailure(problem)

    def _find_difference(self, path: str, checksum: str, size: int) -> str:
        found = parse_sha256(self._ask(f"sha256sum {shlex.quote(path)}"))
        if found is not None:
            text = _("the image on the device has another SHA-256 (%(found)s)")
            return "" if found == checksum else text % {"found": found}
        length = parse_number(self._ask(f"wc -c < {shlex.quote(path)}"))
        if length is not None:
            text = _("%(found)s of %(size)s bytes arrived on the device")
            values = {"found": length, "size": size}
            return "" if length == size else text % values
        self.log(_("The device can tell neither SHA-256 nor size of the upload."))
        return ""

    def _test_image(self, path: str) -> None:
        command = f"{self._SYSUPGRADE} --test {shlex.quote(path)}"
        try:
            self.exec_command(command)
        except (FirmwareUpgraderException, SoftTimeLimitExceeded, *LINK_FAILURES):
            raise
        except Exception as error:
            self.log(quoted(error), save=False)
            text = _("The device refuses the image, it was not flashed.")
            raise UpgradeAborted(text) from error
        text = _("Sysupgrade test passed successfully, proceeding with the flash.")
        self.log(text, save=False)
