"""The flash: announced first, then commanded, then judged by its answer."""

from __future__ import annotations

import queue
import shlex
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from ...exceptions import (
    DeviceRebooting,
    FlashRefused,
    LeaseLost,
    RecoverableFailure,
    UpgradeCancelled,
)
from ...foreign_text import inline, quoted
from ...protocols import DeviceConnection, Operation
from ...state.evidence import FlashAnswer
from ...statuses import Phase, UpgradeProgress
from . import handoff, ssh
from .part import Part

# characters of the device's answer that are kept
ANSWER_LIMIT = 2000
REMOVE_CONFIG_CHECKSUM = "rm /etc/openwisp/checksum 2> /dev/null"


class FlashMixin(Part):
    """Hands the image over to ``sysupgrade``."""

    UPGRADE_COMMAND = "{sysupgrade} -v {flags} {path}"
    UPGRADE_TIMEOUT: int
    _SYSUPGRADE: str
    _false_positives = [  # noqa: RUF012 subclasses change the list
        r"Command failed: ubus call system sysupgrade "
        r"\{ \"prefix\": \"\\/tmp\\/root\", \"path\": \"[^\"]*\", "
        r"(?:\"backup\": \"\\/tmp\\/sysupgrade.tgz\", )?"
        r"\"command\": \"\\/lib\\/upgrade\\/do_stage2\", "
        r"\"options\": \{ \"save_partitions\": 1[^}]*\} \} \(Connection failed\)"
    ]
    _flash_answer: tuple[int, str] | None = None
    _flash_sent = False
    _attempts_before = 0
    upgrade_operation: Operation
    connection: DeviceConnection

    def get_upgrade_command(self, path: str) -> str:
        """Returns the command that flashes the image at ``path``."""
        overlay = self._engine_run.evidence.overlay is not False
        return self.UPGRADE_COMMAND.format(
            sysupgrade=self._SYSUPGRADE,
            flags=" ".join(self.get_flags(overlay=overlay)),
            path=shlex.quote(path),
        )

    def _reflash(self, path: str) -> None:
        if self.get_flags() != self.get_flags(overlay=False):
            self._explain_overlay()
        self.log(_("Upgrade operation in progress..."), save=False)
        self._announce_flash()
        failures: queue.Queue[Exception] = queue.Queue()
        with ssh.watched(self.connection.connector_instance):
            self._call_reflash_command(self, path, self.UPGRADE_TIMEOUT, failures)
        self._judge_handoff(None if failures.empty() else failures.get())

    def _explain_overlay(self) -> None:
        if self._engine_run.evidence.overlay is False:
            self.log(_("The device has no overlay: the option -c is left out."))

    def _announce_flash(self) -> None:
        # committed before the command goes out: from here on nobody flashes
        # again, whoever finds this row verifies the device
        run, now = self._engine_run, timezone.now().isoformat()
        self._attempts_before = run.operation.attempts
        run.record(
            phase=Phase.FLASH,
            progress=UpgradeProgress.REFLASHING,
            # from here on the visits of the verify phase are counted
            attempts=0,
            evidence=replace(run.evidence, flash_sent_at=now),
        )
        run.check()

    @classmethod
    def _call_reflash_command(
        cls, upgrader: Any, path: str, timeout: int, failure_queue: Any
    ) -> None:
        try:
            command = upgrader.get_upgrade_command(path)
            upgrader.exec_command(REMOVE_CONFIG_CHECKSUM, exit_codes=[0, -1, 1])
            upgrader._flash_sent = True  # noqa: SLF001 it is this class's own
            output, code = upgrader.exec_command(
                command,
                timeout=timeout,
                exit_codes=[0, -1],
                raise_unexpected_exit=False,
            )
            upgrader._flash_answer = (code, output)  # noqa: SLF001 see above
            upgrader.log(quoted(output), save=False)
        except Exception as error:  # noqa: BLE001 the classifier reads them all
            failure_queue.put(error)

    def _judge_handoff(self, error: Exception | None) -> None:
        if isinstance(error, LeaseLost | UpgradeCancelled):
            raise error
        code, text = self._flash_answer or (None, "")
        answer = handoff.classify(code, text, error, self._false_positives)
        if error is not None and not self._flash_sent:
            answer = handoff.Handoff(handoff.NOT_SENT, answer.text)
        if answer.kind == handoff.REFUSED:
            text = _("The device refused to flash the image: %(text)s")
            raise FlashRefused(text % {"text": inline(answer.text.strip())})
        if answer.kind == handoff.NOT_SENT:
            self._take_back(answer.text)
        if answer.kind == handoff.UNDECIDED:
            text = _("The device's answer to the flash command is unclear: %(text)s")
            self.log(text % {"text": inline(answer.text.strip())}, save=False)
        found = FlashAnswer(answer.kind, answer.text[:ANSWER_LIMIT], answer.code)
        self._engine_run.note(replace(self._engine_run.evidence, flash_answer=found))
        text = _(
            "SSH connection closed, will wait %(delay)s seconds for the device to "
            "reboot before it is verified."
        )
        delay = self.RECONNECT_DELAY
        raise DeviceRebooting(text % {"delay": delay}, delay=delay)

    def _take_back(self, text: str) -> None:
        self._engine_run.record(
            phase=Phase.IMAGE_TEST,
            progress=UpgradeProgress.UPLOADED,
            attempts=self._attempts_before,
            evidence=replace(self._engine_run.evidence, flash_sent_at=None),
        )
        raise RecoverableFailure(text)
