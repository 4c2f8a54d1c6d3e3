"""A user's cancel wins or is refused, whenever it comes."""

from __future__ import annotations

import collections
import json
import signal
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.slow]
EXAMPLES = 210
# phase of the row -> hook of the fleet at which the device can be held; an operation
# stays in the queue while its worker is stopped
STEPS = {
    "queued": None,
    "preflight": "before_first_command",
    "upload": "mid_upload",
    "image_test": "in_test",
    "flash": "flash_received_not_answered",
    "reboot": "rebooting",
    "verify": "verify_connected",
}
FIRST_HALF = {"queued", "preflight", "upload", "image_test"}
QUICK = {
    "reconnect_delay": 0,
    "reconnect_retry_delay": 0.2,
    "reconnect_max_retries": 60,
    "upgrade_timeout": 8,
}


class Race:
    """One device that is upgraded over and over while somebody cancels."""

    def __init__(self, fleet, worker, device, firmware) -> None:
        self.fleet = fleet
        self.worker = worker
        self.device = device
        self.firmware = firmware
        self.landed: collections.Counter = collections.Counter()
        self.examples = 0

    def run(self, step: str, delay: float, held: bool) -> None:
        """Upgrades once, cancels at a step and compares with the ledger."""
        from stack import inventory

        # as at the start: old release, no marker, an empty ledger
        self.fleet.reset()
        inventory.pair(self.device, self.firmware.old)
        if held:
            self._hold(step)
        operation = inventory.start(self.device, self.firmware.new)
        rows = type(operation).objects.filter(pk=operation.pk)
        if held and STEPS[step]:
            self.fleet.wait_hook(STEPS[step], timeout=20)
        else:
            self._wait_for_phase(rows, step)
        time.sleep(delay)
        accepted = self._cancel(rows.get())
        if held:
            self._release(step)
        self._wait_for_end(rows)
        self._compare(rows.get(), accepted)
        self.examples += 1

    def _hold(self, step: str) -> None:
        if STEPS[step]:
            self.fleet.arm(STEPS[step])
        else:
            self.worker.process.kill(signal.SIGSTOP)

    def _release(self, step: str) -> None:
        if STEPS[step]:
            self.fleet.release(STEPS[step])
        else:
            self.worker.process.kill(signal.SIGCONT)

    def _wait_for_phase(self, rows, step: str) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            phase = rows.values_list("phase", flat=True).get()
            if phase in (step, "done"):
                return
            time.sleep(0.005)

    def _cancel(self, operation) -> bool:
        self.landed[operation.phase] += 1
        try:
            operation.cancel()
        except ValueError:
            return False
        return True

    def _wait_for_end(self, rows) -> None:
        ended = rows.exclude(status="in-progress").filter(lease_expires_at=None)
        wait_for(ended.exists, "the end of the operation", 40)
        # the worker has left the device too
        wait_for(lambda: self.fleet.device(0).sessions == 0, "the last session", 20)

    def _compare(self, row, accepted: bool) -> None:
        report = self.fleet.device(0)
        flashed = len(report.flashes)
        if accepted:
            assert (row.status, flashed) == ("cancelled", 0), row.log
            assert not report.tmp, row.log
            assert report.services_running, row.log
        else:
            assert (row.status, flashed) == ("success", 1), row.log
        assert row.phase == "done"
        assert row.next_run_at is None


@pytest.fixture(scope="module")
def race(project):
    from stack import inventory

    firmware = inventory.Firmware(
        inventory.organization("Race"), name="race", size=128 * 1024
    )
    owner = firmware.category.organization
    with FleetProcess(
        devices=1, boot_time=0.3, release=release_of(*inventory.OLD), link_rate=500_000
    ) as fleet:
        (device,) = inventory.register(owner, fleet, firmware.old, ["race"])
        worker = project.worker(slots=2, FIRMWARE_OPENWRT_SETTINGS=json.dumps(QUICK))
        yield Race(fleet, worker, device, firmware)
    project.stop_workers()


def test_cancel_wins_or_is_refused(race):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        # an example takes seconds, what failed says enough
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        step=st.sampled_from(sorted(STEPS)),
        delay=st.floats(0, 0.2),
        held=st.booleans(),
    )
    def cancel_somewhere(step, delay, held):
        race.run(step, delay, held)

    cancel_somewhere()
    # what hypothesis left out of the number asked for
    for number in range(max(0, EXAMPLES - race.examples)):
        race.run(sorted(STEPS)[number % len(STEPS)], 0.01 * (number % 10), False)
    assert race.examples >= 200
    missing = set(STEPS) - set(race.landed)
    assert not missing, f"no cancel landed in {missing}: {race.landed}"
    print("cancels landed in", dict(race.landed))
