"""A launch whose worker is killed in the middle is completed by another one."""

from __future__ import annotations

import pytest
from stack.project import wait_for

pytestmark = pytest.mark.usefixtures("project")
DEVICES = 2000


@pytest.fixture
def fleet_of_rows(project):
    """Rows of many devices that nobody can reach."""
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("Launch"), name="launch")
    inventory.register_unreachable(firmware, DEVICES)
    return firmware


def test_every_device_gets_exactly_one_operation(project, fleet_of_rows):
    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    batch = create_batch(fleet_of_rows.new_build, False)
    operations = batch.upgradeoperation_set
    worker = project.worker(pool="solo", slots=1)
    try:
        wait_for(operations.exists, "the first chunk", 30, 0.005)
        worker.kill()
        begun = operations.count()
        assert 0 < begun < DEVICES, "the launch was not killed in the middle"
        batch.refresh_from_db()
        assert not batch.launched
        # a thousand wake-ups may stand in the queue before the scan that goes on
        project.redis.flush()
        project.worker(pool="solo", slots=1)
        rows = type(batch).objects.filter(pk=batch.pk)
        wait_for(rows.filter(launched=True).exists, "the rest of the launch", 240)
    finally:
        project.stop_workers()
        project.redis.flush()
    devices = list(operations.values_list("device_id", flat=True))
    assert len(devices) == DEVICES
    assert len(set(devices)) == DEVICES
