"""Devices whose answers are made to look like our log, or to break it."""

from __future__ import annotations

import re

import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
BEFORE, AFTER = release_of("1.0", "r1"), release_of("2.0", "r2")
FAULTS = ("forged", "forged_failure")
UUID = "uci get openwisp.http.uuid"
TEST, FLASH = "/sbin/sysupgrade --test", "/sbin/sysupgrade -v -c"
# sentences of ours that the devices imitate, and how often they are true
VERIFIED = "Device identity verified successfully."
COMPLETED = "Upgrade completed successfully."
# what differs from upgrade to upgrade
OWN = re.compile(r"^echo [0-9a-f]{64} | /tmp/2\.0\.bin$")
SLOTS = 16


@pytest.fixture(scope="module")
def ends(project):
    """Each command answered so by a device: (operation, report, part) by fault."""
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("Forged"), name="forged")
    owner = firmware.category.organization
    worker = project.worker(slots=SLOTS)
    with FleetProcess(devices=1, boot_time=1, release=BEFORE) as fleet:
        (device,) = inventory.register(owner, fleet, firmware.old)
        finish([inventory.start(device, firmware.new)], 60)
        texts = [command.text for command in fleet.device(0).commands]
    cases = [(part, fault) for part in parts_of(texts) for fault in FAULTS]
    with FleetProcess(devices=len(cases), boot_time=1, release=BEFORE) as fleet:
        devices = inventory.register(owner, fleet, firmware.old)
        for device, (part, fault) in zip(devices, cases, strict=True):
            fleet.set(device.pk, output_fault=fault, output_fault_in=part)
        operations = [inventory.start(each, firmware.new) for each in devices]
        rows = finish(operations, 240)
        reports = [fleet.device(device.pk) for device in devices]
    log = worker.process.log.read_text(errors="replace")
    project.stop_workers()
    found = zip(cases, (rows[each.pk] for each in operations), reports, strict=True)
    return {case: (row, report) for case, row, report in found}, log


def finish(operations, seconds):
    """Waits until operations have ended and returns their rows by key."""
    rows = type(operations[0]).objects.filter(pk__in=[each.pk for each in operations])
    unfinished = rows.filter(status="in-progress")
    wait_for(lambda: not unfinished.exists(), "the ends", seconds, 0.2)
    return rows.select_related("device").in_bulk()


def parts_of(texts):
    """Returns what tells each command of an upgrade from the others."""
    return list(dict.fromkeys(OWN.sub("", text) for text in texts))


def test_s9_each_command_of_an_upgrade_was_forged(ends):
    cases, _log = ends
    parts = {part for part, _fault in cases}
    assert len(parts) >= 15
    assert {UUID, TEST, FLASH, "ubus call system board", "scp -t"} <= parts


def test_s9_forged_words_end_no_operation_by_an_error(ends):
    cases, _log = ends
    for (part, fault), (row, report) in cases.items():
        has_flashed = len(report.flashes) == 1 and report.release == AFTER
        assert row.status in ("success", "failed", "aborted"), part
        assert "Unexpected error" not in row.log
        # what succeeded was flashed, once; what was not flashed did not succeed
        assert has_flashed or row.status != "success", (part, fault, row.log)
        assert len(report.flashes) <= 1, (part, fault, row.log)


def test_s9_forged_identity_is_never_flashed(ends):
    cases, _log = ends
    for fault in FAULTS:
        row, report = cases[UUID, fault]
        assert (row.status, report.flashes) == ("aborted", ()), row.log
        assert report.uploads == ()
        assert "othing was changed" in row.log


def test_s9_forged_lines_are_no_lines_of_the_log(ends):
    cases, _log = ends
    for (part, fault), (row, _report) in cases.items():
        lines = row.log.splitlines()
        runs = sum(line.startswith("Connection successful") for line in lines)
        assert lines.count(VERIFIED) <= runs, (part, fault, row.log)
        assert lines.count(COMPLETED) == (row.status == "success"), (part, row.log)
        if row.status == "success":
            assert lines[-1] == COMPLETED, (part, fault, row.log)


def test_s9_forged_words_are_stored_clean(ends):
    from openwisp_firmware_upgrader.foreign_text import visible

    cases, log = ends
    quoted = 0
    for row, _report in cases.values():
        reasons = row.device.deviceconnection_set.values_list("failure_reason")
        stored = [row.log, *map(str, reasons)]
        stored += map(str, _texts(row.evidence))
        assert [text for text in stored if visible(text) != text] == []
        quoted += r"> \u202e\u2028" in row.log
    # they are not left out
    assert quoted >= len(FAULTS), quoted
    assert visible(log) == log
    assert len(log) < 1024 * 1024, f"{len(log)} characters of log"
    assert not re.search(
        rf"^({re.escape(COMPLETED)}|{re.escape(VERIFIED)})$", log, re.M
    )


def _texts(value):
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    return [value]
