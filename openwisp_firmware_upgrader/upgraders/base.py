"""Steps of an upgrade and what runs them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError
from openwisp_controller.connection.connectors.exceptions import (
    CommandTimeoutException,
)
from paramiko import SSHException

from ..exceptions import (
    DeviceRebooting,
    FirmwareUpgraderException,
    FlashRefused,
    LeaseLost,
    RecoverableFailure,
)
from ..foreign_text import message_of
from ..protocols import Operation
from ..state.run import Run, run_of

# what a link that breaks before the flash raises; nothing was lost
LINK_FAILURES = (SSHException, EOFError, OSError, CommandTimeoutException)
# seconds between two writes that tell nothing but a progress (decision 18)
MOVES_EVERY = 1.0


@dataclass(frozen=True)
class Step:
    """One step, named by its method so that subclasses override it.

    Attributes:
        method: name of the method of the upgrader.
        takes: names of what is passed to it: image, path.
        phase: the phase it is done in, None keeps the one before.
        reaches: progress in percent once it is done, None leaves it.
        cancellable: whether a cancel is looked for before it.
    """

    method: str
    takes: tuple[str, ...] = ()
    phase: str | None = None
    reaches: int | None = None
    cancellable: bool = True


class StepRunner:
    """Runs the steps of an upgrader and tidies up in one place."""

    steps: tuple[Step, ...] = ()
    upgrade_operation: Operation
    # monotonic time of the last write of a move
    _moved_at: float

    @property
    def _engine_run(self) -> Run:
        return run_of(self.upgrade_operation)

    def run_steps(self, **values: object) -> None:
        """Runs all steps.

        Arguments:
            values: what steps may take, by name.

        Raises what the first failing step raised, after tidying up.
        """
        try:
            reached = None
            self._moved_at = time.monotonic()
            for step in self.steps:
                reached = self._run_step(step, values, reached)
            self._record_move(None, reached)
        except Exception as error:  # noqa: BLE001 raised again below
            raised = self._reason(error)
            try:
                self._leave(raised)
                if raised is error:
                    raise
                raise raised from error
            finally:
                # it holds this frame, which would hold it
                del raised

    def _run_step(
        self, step: Step, values: dict[str, object], reached: int | None
    ) -> int | None:
        if step.cancellable:
            self._check_cancellation()
        # what one step reached and the phase of the next are one write
        phase = None if step.phase == self.upgrade_operation.phase else step.phase
        if phase is not None or not self._moves_soon_again():
            self._record_move(phase, reached)
            reached = None
        getattr(self, step.method)(*(values[name] for name in step.takes))
        return reached if step.reaches is None else step.reaches

    def _moves_soon_again(self) -> bool:
        # nobody sees steps of milliseconds, but each write costs some; outside of
        # workers others may look at the row after each step
        is_soon = time.monotonic() < self._moved_at + MOVES_EVERY
        return is_soon and self._engine_run.is_watched

    def _record_move(self, phase: str | None, reached: int | None) -> None:
        if phase is not None or reached is not None:
            self._engine_run.record(phase=phase, progress=reached)
            self._moved_at = time.monotonic()

    def _reason(self, error: Exception) -> Exception:
        outcomes = (FirmwareUpgraderException, SoftTimeLimitExceeded, DatabaseError)
        error = self._engine_run.what_ended(error)
        if isinstance(error, LINK_FAILURES) and not isinstance(error, outcomes):
            return RecoverableFailure(message_of(error))
        return error

    def _leave(self, error: Exception) -> None:
        flashed = self._engine_run.evidence.flash_sent_at
        # a device that reboots, or that somebody else works on, is left alone
        untouchable = isinstance(error, DeviceRebooting | LeaseLost)
        if untouchable or (flashed and not isinstance(error, FlashRefused)):
            self.disconnect()
        else:
            self.clean_up()

    def _check_cancellation(self) -> None:
        raise NotImplementedError

    def clean_up(self) -> None:
        """Leaves the device as it was found and disconnects."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Closes the connection."""
        raise NotImplementedError
