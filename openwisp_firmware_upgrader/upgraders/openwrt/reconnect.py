"""The second half: find the device again and prove that the upgrade worked."""

from __future__ import annotations

from django.utils.translation import gettext as _
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError
from swapper import load_model as load_any_model

from ...exceptions import DeviceNotReachableYet, FirmwareNotChanged, UpgradeFailed
from ...protocols import DeviceConnection, Operation
from ...statuses import UpgradeProgress
from . import handoff, proof, ssh
from .facts import UUID, parse_uuid
from .part import Part
from .proof import Release


class ReconnectMixin(Part):
    """One attempt to verify the device."""

    RECONNECT_DELAY: int
    RECONNECT_RETRY_DELAY: int
    RECONNECT_MAX_RETRIES: int
    upgrade_operation: Operation
    connection: DeviceConnection

    def verify(self) -> None:
        """Returns when the upgrade is proven and the marker file is written.

        Raises DeviceNotReachableYet when another attempt may tell more, and
        UpgradeFailed when the upgrade has failed for certain.
        """
        self._log_reconnecting_error(self.upgrade_operation.attempts)
        if not self.connect():
            raise DeviceNotReachableYet(self.connection.failure_reason)
        ssh.bound(self.connection.connector_instance)
        verdict = proof.judge(self._before(), self._after())
        if verdict.kind == proof.WAIT:
            raise DeviceNotReachableYet(verdict.text, final=_failure(verdict))
        if verdict.kind == proof.FAILED:
            raise _failure(verdict)
        self.log(verdict.text, save=False)
        image = self.upgrade_operation.image
        self._write_checksum("" if image is None else image.checksum)

    def _before(self) -> proof.Before:
        if self._engine_run.evidence.expected is None:
            self._note_expected()
        known = self._engine_run.evidence
        answer = known.flash_answer
        return proof.Before(
            boot_id=known.boot_id,
            release=Release(**known.release),
            expected=Release(**(known.expected or {})),
            typed=known.typed,
            uuid=parse_uuid(str(self.upgrade_operation.device_id)),
            wipes=self._discards_configuration(),
            handed_off=answer is not None and answer.kind == handoff.HANDED_OFF,
        )

    def _discards_configuration(self) -> bool:
        return bool((self.upgrade_operation.upgrade_options or {}).get("n"))

    def _after(self) -> proof.After:
        output, code = self.exec_command(UUID, raise_unexpected_exit=False)
        return proof.After(
            boot_id=self._read_boot_id(),
            release=self._read_release(),
            uuid=parse_uuid(output) if code == 0 else "",
        )

    def _write_checksum(self, checksum: str) -> None:
        # stored with the end, which is two commands away (decision 18)
        if not self._engine_run.is_watched:
            self.upgrade_operation.update_progress(UpgradeProgress.RECONNECTED)
        if checksum:
            self.log(_("Connected! Writing checksum to the device."), save=False)
            folder = self.CHECKSUM_FILE.rsplit("/", 1)[0]
            self.exec_command(f"mkdir -p {folder}")
            self.exec_command(f"echo {checksum} > {self.CHECKSUM_FILE}")
        else:
            self.log(_("The image is gone, no checksum is written."), save=False)
        self.disconnect()
        self.log(_("Upgrade completed successfully."), save=False)

    def _refresh_addresses(self) -> None:
        """Finds a working connection again, the address may have changed."""
        connections = load_any_model("connection", "DeviceConnection")
        device = self.connection.device
        device.refresh_from_db()
        try:
            self.connection = connections.get_working_connection(device)
        except NoWorkingDeviceConnectionError as error:
            if error.connection is not None:
                self.addresses = error.connection.get_addresses()
            raise
        self.addresses = self.connection.get_addresses()

    def _log_reconnecting_error(self, attempt: int) -> None:
        self.addresses = self.connection.get_addresses()
        text = _(
            "Trying to reconnect to device at %(addresses)s (attempt n.%(attempt)s)"
        )
        values = {"addresses": ", ".join(self.addresses), "attempt": attempt}
        self.log(text % values, save=False)


def _failure(verdict: proof.Verdict) -> UpgradeFailed:
    kind = FirmwareNotChanged if verdict.unchanged else UpgradeFailed
    return kind(verdict.text)
