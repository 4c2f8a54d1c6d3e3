"""The limits an operator sets hold for all workers together, and fairly."""

from __future__ import annotations

import json
import signal
import time

import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
TOTAL, EACH, DEVICES = 4, 2, 50
LEASE, TICK = 5, 2
LIMITS = json.dumps({"total": TOTAL, "per_organization": EACH})


@pytest.fixture
def organizations(project):
    """Three organizations with a mass upgrade to be, and their devices."""
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model

    with FleetProcess(
        devices=3 * DEVICES, boot_time=1, release=release_of(*inventory.OLD)
    ) as fleet:
        found = []
        rows = fleet.addresses()
        for number in range(3):
            owner = inventory.organization(f"Limited{time.time_ns()}")
            firmware = inventory.Firmware(owner, name=f"limited {number}")
            login = inventory.credentials(owner, fleet.port)
            mine = rows[number * DEVICES : (number + 1) * DEVICES]
            for row in mine:
                name = f"limited-{row['index']}"
                device = inventory.device(owner, row["uuid"], row["address"], name)
                inventory.connect(device, login)
                inventory.pair(device, firmware.old)
            found.append((firmware, [row["uuid"] for row in mine]))
        yield fleet, found
        project.stop_workers()
        load_model("UpgradeOperation").objects.filter(status="in-progress").update(
            status="aborted", lease_expires_at=None, next_run_at=None
        )


# how long a worker may need to begin on a machine that does other things too
BUSY = 30


def launch(firmware):
    """Launches a mass upgrade as the admin does."""
    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    return create_batch(firmware.new_build, False)


def held(batches) -> set:
    """Returns the operations that hold a slot."""
    from django.db.models.functions import Now

    from openwisp_firmware_upgrader.swapper import load_model

    rows = load_model("UpgradeOperation").objects.filter(batch__in=batches)
    return set(rows.filter(lease_expires_at__gte=Now()).values_list("pk", flat=True))


def ended(batch) -> bool:
    """Tells whether a mass upgrade is over."""
    return type(batch).objects.filter(pk=batch.pk, status="success").exists()


def test_three_organizations_share_four_slots(project, organizations):
    fleet, found = organizations
    for _number in range(2):
        project.worker(slots=6, FIRMWARE_CONCURRENCY=LIMITS)
    start = time.monotonic()
    batches = [launch(firmware) for firmware, _uuids in found]
    ends: dict = {}

    def all_ended() -> bool:
        for batch in batches:
            if batch.pk not in ends and ended(batch):
                ends[batch.pk] = time.monotonic() - start
        return len(ends) == len(batches)

    wait_for(all_ended, "the three mass upgrades", 240, every=0.2)
    ledger = fleet.ledger()
    assert ledger.flashes == 3 * DEVICES
    assert ledger.flashed_more_than_once == []
    assert ledger.peak_sessions() == TOTAL
    assert [ledger.peak_sessions(uuids) for _firmware, uuids in found] == [EACH] * 3
    assert max(ends.values()) <= 1.3 * min(ends.values()), ends


def test_a_dead_worker_frees_its_slots(project, organizations):
    fleet, found = organizations
    fleet.arm("mid_upload")
    killed = project.worker(slots=2, FIRMWARE_CONCURRENCY=LIMITS)
    project.worker(slots=2, FIRMWARE_CONCURRENCY=LIMITS)
    # ready but stopped: while it starts the devices would fall silent for too long
    third = project.worker(slots=4, FIRMWARE_CONCURRENCY=LIMITS)
    third.process.kill(signal.SIGSTOP)
    batches = [launch(firmware) for firmware, _uuids in found]
    fleet.wait_hook("mid_upload", TOTAL)
    before = held(batches)
    assert len(before) == TOTAL
    third.process.kill(signal.SIGCONT)
    time.sleep(TICK)
    assert held(batches) == before
    killed.kill()
    died = time.monotonic()

    def freed() -> bool:
        return len(before - held(batches)) == 2

    def taken_over() -> bool:
        now = held(batches)
        assert len(now) <= TOTAL
        return len(now) == TOTAL and len(now - before) == 2

    wait_for(freed, "two slots free", LEASE + TICK)
    # who takes them next is up to how busy the machine is
    wait_for(taken_over, "two slots taken over", BUSY)
    print(f"taken over {time.monotonic() - died:.1f} s after the death")
    fleet.wait_hook("mid_upload", TOTAL + 2)
