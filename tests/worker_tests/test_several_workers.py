"""Four workers on one database never meet at one device."""

from __future__ import annotations

import os

import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.long]
DEVICES = int(os.environ.get("FIRMWARE_MANY", "2000"))
WORKERS, SLOTS = 4, 4


def test_nobody_is_uploaded_to_or_flashed_by_two(project):
    from stack import inventory

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    owner = inventory.organization("Several")
    firmware = inventory.Firmware(owner, name="several", size=64 * 1024)
    with FleetProcess(
        devices=DEVICES, boot_time=1, release=release_of(*inventory.OLD)
    ) as fleet:
        inventory.register(owner, fleet, firmware.old)
        for _number in range(WORKERS):
            project.worker(slots=SLOTS)
        try:
            batch = create_batch(firmware.new_build, False)
            rows = type(batch).objects.filter(pk=batch.pk)
            running = rows.filter(status__in=("idle", "in-progress"))
            limit = 60 + DEVICES * 0.6
            wait_for(lambda: not running.exists(), "the mass upgrade", limit, 0.5)
        finally:
            project.stop_workers()
        ledger = fleet.ledger()
        reports = [fleet.device(row["uuid"]) for row in fleet.addresses()]
    assert rows.get().status == "success"
    assert ledger.flashes == DEVICES
    assert ledger.flashed_more_than_once == []
    assert {report.max_sessions for report in reports} == {1}
    assert {len(report.uploads) for report in reports} == {1}
