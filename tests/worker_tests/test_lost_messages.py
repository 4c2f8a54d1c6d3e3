"""Redis forgets the wake-ups of operations that no worker has begun."""

from __future__ import annotations

import time

import pytest
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")


def test_an_empty_queue_is_noticed(project):
    """Redis keeps no empty list: the queue is then said to be missing."""
    from openwisp_firmware_upgrader import tasks
    from openwisp_firmware_upgrader.state import wakeups

    project.redis.flush()
    assert wakeups.queue_is_empty()
    tasks.resume_upgrades.delay()
    assert not wakeups.queue_is_empty()
    project.redis.stop()
    try:
        assert not wakeups.queue_is_empty()
    finally:
        project.redis.start()


def test_what_redis_forgot_does_not_wait_for_its_stamp(project):
    from stack import inventory

    from openwisp_firmware_upgrader.state import leases

    owner = inventory.organization("Forgotten")
    firmware = inventory.Firmware(owner, name="forgotten")
    with FleetProcess(
        devices=2, boot_time=BOOT, release=release_of(*inventory.OLD)
    ) as fleet:
        devices = inventory.register(owner, fleet, firmware.old, ["lost-0", "lost-1"])
        operations = [inventory.start(device, firmware.new) for device in devices]
        project.redis.flush()
        rows = leases.operations().filter(pk__in=[row.pk for row in operations])
        assert set(rows.values_list("runs", flat=True)) == {0}
        project.worker(slots=2)
        patience = leases.STAMP.total_seconds() / 4
        try:
            wait_for(
                lambda: not rows.filter(status="in-progress").exists(),
                "the end of both operations",
                patience,
            )
        finally:
            project.stop_workers()
        assert {row.status for row in rows} == {"success"}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_workers_tick_on_after_the_broker_was_down(project, pool):
    """Seed 97201: a consumer that lost its broker cleared the timer of the scan."""
    worker = project.worker(pool=pool, slots=2)

    def scans() -> int:
        return worker.process.log.read_text().count("resume_upgrades[")

    try:
        wait_for(lambda: scans() > 2, "the first scans", 30)
        project.redis.process.kill()
        time.sleep(1)
        project.redis.start()
        before = scans()
        wait_for(lambda: scans() > before + 4, "scans after the restart", 30)
    finally:
        project.stop_workers()
