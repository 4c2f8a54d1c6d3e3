"""The table of expected ends, over real SSH with a real worker."""

from __future__ import annotations

import pytest

from openwisp_firmware_upgrader.testing import EXPECTED, FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
BEFORE = release_of("1.0", "r1")
# slow_link shows progress only while it is slow for some seconds
IMAGE_SIZE = 512 * 1024


@pytest.fixture(scope="module")
def ends(project):
    """All faults at once: fault -> (operation, report, sample)."""
    from stack import inventory, watch

    faults = list(EXPECTED)
    firmware = inventory.Firmware(inventory.organization("Faults"), size=IMAGE_SIZE)
    with FleetProcess(devices=0, faults=faults, boot_time=2, release=BEFORE) as fleet:
        owner = firmware.category.organization
        devices = inventory.register(owner, fleet, firmware.old)
        project.worker(slots=24)
        operations = [inventory.start(device, firmware.new) for device in devices]
        samples = watch.watch(
            [operation.pk for operation in operations],
            150,
            on_look=lambda rows: watch.follow_addresses(fleet),
        )
        fleet.wait_state("up", seconds_to_boot(fleet))
        for operation in operations:
            operation.refresh_from_db()
        reports = [fleet.device(device.pk) for device in devices]
    project.stop_workers()
    return {
        fault: (operation, report, samples[operation.pk])
        for fault, operation, report in zip(faults, operations, reports, strict=True)
    }


def seconds_to_boot(fleet):
    """Returns the devices that come back; the others never do."""
    return [
        row["uuid"] for row in fleet.addresses() if row.get("fault") != "never_back"
    ]


@pytest.mark.parametrize("fault", EXPECTED)
def test_end(ends, fault):
    from stack import watch

    operation, report, sample = ends[fault]
    problems = watch.differences(fault, operation, report, sample, BEFORE)
    assert not problems, f"{problems}\n{operation.log}\n{sample.moves}"


def test_nobody_is_connected_twice_at_once(ends):
    assert {report.max_sessions for _, report, _ in ends.values()} <= {0, 1}


def test_what_ended_holds_nothing(ends):
    rows = [operation for operation, _, _ in ends.values()]
    assert {row.phase for row in rows} == {"done"}
    assert {row.lease_expires_at for row in rows} == {None}
    assert {row.next_run_at for row in rows} == {None}
