"""Devices that reboot cost a worker nothing."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from stack.processes import descendants
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
WAITING = 200
SLOTS = 4


def threads_of(pid: int) -> int:
    """Returns the number of threads of a process and all that it started."""
    return sum(
        len(list(Path(f"/proc/{each}/task").iterdir())) for each in descendants(pid)
    )


def sockets_to(port: int, pid: int) -> int:
    """Returns how many open sockets of a process tree lead to a port."""
    inodes = set()
    for each in descendants(pid):
        for link in Path(f"/proc/{each}/fd").iterdir():
            target = str(link.readlink()) if link.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and int(fields[2].split(":")[1], 16) == port:
            found += 1
    return found


def active_tasks(project) -> list:
    """Returns the tasks that workers are executing right now."""
    from openwisp2.celery import app

    answers = app.control.inspect(timeout=3).active()
    assert answers, "no worker answered"
    return [task for tasks in answers.values() for task in tasks]


def test_two_hundred_reboots_hold_nothing(project):
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model

    operations = load_model("UpgradeOperation").objects
    firmware = inventory.Firmware(inventory.organization("Waiting"), name="waiting")
    owner = firmware.category.organization
    with FleetProcess(
        devices=WAITING + 1, boot_time=1, release=release_of(*inventory.OLD)
    ) as fleet:
        # a worker pairs new devices by itself: registered first, all are paired
        devices = inventory.register(owner, fleet, firmware.old)
        worker = project.worker(slots=SLOTS)
        # imports and first connections are behind it before anything is counted
        wait_for(lambda: active_tasks(project) == [], "a worker at rest", 60)
        baseline = threads_of(worker.process.pid)
        ids = [device.pk for device in devices[:WAITING]]
        rows = []
        for device in devices[:WAITING]:
            rows.append(
                operations.model(
                    device=device,
                    image=firmware.new,
                    phase="reboot",
                    progress=65,
                    runs=1,
                    evidence={"flash_sent_at": "2026-01-01T00:00:00Z"},
                )
            )
        operations.bulk_create(rows)
        due = time.time() + 20
        from django.utils import timezone

        mine = operations.filter(device__in=ids)
        mine.update(next_run_at=timezone.now() + timedelta(seconds=20))
        time.sleep(3)
        assert active_tasks(project) == []
        assert sockets_to(fleet.port, worker.process.pid) == 0
        assert threads_of(worker.process.pid) <= baseline + 2
        last = inventory.start(devices[WAITING], firmware.new)
        wait_for(
            lambda: fleet.device(devices[WAITING].pk).commands,
            "the first command of the last device",
            15,
        )
        assert time.time() < due
        assert mine.filter(phase="reboot", lease_expires_at=None).count() == WAITING
        wait_for(
            lambda: operations.filter(pk=last.pk, status="success").exists(),
            "the end of the last device",
            30,
        )
        mine.update(status="aborted", phase="done", next_run_at=None)
    project.stop_workers()
