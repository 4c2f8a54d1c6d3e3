"""A broker that is down costs time, never an upgrade and never a request."""

from __future__ import annotations

import time

import pytest
from stack.project import wait_for

pytestmark = pytest.mark.usefixtures("project")
DEVICES = 2000
ANSWERS_WITHIN = 3
SLOTS = 8
# upgrades that show that it goes on
ENOUGH = 100


@pytest.fixture
def firmware(project):
    """Firmware of many devices, to which every connection fails at once."""
    from stack import inventory

    owner = inventory.organization(f"Broker{time.time_ns()}")
    found = inventory.Firmware(owner, name="broker")
    inventory.register_unreachable(found, DEVICES)
    yield found
    project.stop_workers()
    project.redis.flush()
    found.new.upgradeoperation_set.update(
        status="aborted", phase="done", next_run_at=None, lease_expires_at=None
    )


def launch(build):
    """Launches a mass upgrade as a request does; returns it and the seconds."""
    from django.db import transaction

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    start = time.monotonic()
    with transaction.atomic():
        batch = create_batch(build, False)
    return batch, time.monotonic() - start


def begun(batch) -> int:
    """Returns with how many devices a worker has begun."""
    return batch.upgradeoperation_set.filter(runs__gt=0).count()


def check(batch) -> None:
    """Every device has one operation, which runs, is due or will be."""
    rows = type(batch).objects.filter(pk=batch.pk)
    wait_for(rows.filter(launched=True).exists, "the launch", 180, 0.2)
    wait_for(lambda: begun(batch) >= ENOUGH, "upgrades that run", 120, 0.5)
    operations = batch.upgradeoperation_set
    devices = list(operations.values_list("device_id", flat=True))
    assert len(set(devices)) == len(devices) == DEVICES
    lost = operations.filter(next_run_at=None, lease_expires_at=None)
    assert not lost.filter(status="in-progress").exists()


def test_launch_while_the_broker_is_down(project, firmware):
    project.redis.stop()
    try:
        batch, seconds = launch(firmware.new_build)
    finally:
        project.redis.start()
    assert seconds < ANSWERS_WITHIN
    assert type(batch).objects.filter(pk=batch.pk, status="idle").exists()
    project.worker(slots=SLOTS)
    check(batch)


@pytest.mark.long
def test_broker_that_goes_down_in_the_middle(project, firmware):
    project.worker(slots=SLOTS)
    batch, seconds = launch(firmware.new_build)
    assert seconds < ANSWERS_WITHIN
    wait_for(batch.upgradeoperation_set.exists, "the first chunk", 30, 0.01)
    project.redis.stop()
    time.sleep(2)
    before = begun(batch)
    assert before < DEVICES - ENOUGH, "the broker went down too late"
    # its memory is empty when it comes back
    project.redis.start()
    wait_for(lambda: begun(batch) >= before + ENOUGH, "going on", 120, 0.5)
    check(batch)
