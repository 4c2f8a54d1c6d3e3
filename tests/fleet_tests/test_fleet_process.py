"""The fleet as a process, and its control interface."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid

import pytest

from openwisp_firmware_upgrader.testing import FleetClient, FleetProcess, make_image
from openwisp_firmware_upgrader.testing.fleet import FleetError

from .ssh_client import connect, refused, run, upload, wait_boot, wait_until

MODULE = "openwisp_firmware_upgrader.testing.fleet"


def test_a_fleet_in_its_own_process():
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    with FleetProcess(
        devices=2,
        uuids=ids,
        faults=["refuses"],
        boot_time=0.2,
        release="OpenWrt 1.0 r1",
        missing_commands=["df"],
    ) as fleet:
        assert [d["uuid"] for d in fleet.addresses()][:2] == ids
        assert [d["fault"] for d in fleet.addresses()] == ["none", "none", "refuses"]
        report = fleet.device(ids[0])
        assert (report.port, report.release) == (fleet.port, "OpenWrt 1.0 r1")
        client = connect(report)
        assert run(client, "df /tmp")[0] == 127
        upload(client, make_image(), "/tmp/i")
        run(client, "sysupgrade -v /tmp/i")
        wait_boot(fleet)
        other = FleetClient(fleet.control)
        assert other.ledger().flashes_of(ids[0]) == 1
        assert other.status()["devices"] == 3
    assert refused(report)


def test_attributes_of_many_devices_at_once():
    with FleetProcess(devices=50) as fleet:
        ids = [uuid.uuid4() for _ in range(50)]
        fleet.set_each((index, {"uuid": id_}) for index, id_ in enumerate(ids))
        assert [d.uuid for d in fleet.ledger().devices] == [str(id_) for id_ in ids]
        added = fleet.add(fault="never_back", release="OpenWrt 1.0 r1")
        assert (added.index, added.fault) == (50, "never_back")
        assert run(connect(added), "true") == (0, "")


def answers(control):
    try:
        return bool(FleetClient(control).status())
    except (OSError, FleetError):
        return False


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(status.read().split("VmRSS:")[1].split()[0])


def test_large_images_cost_no_memory():
    with FleetProcess(tmp_size_kib=40_000, mem_available_kib=100_000) as fleet:
        client = connect(fleet.device(0))
        run(client, "true")
        before = resident_kib(fleet.pid)
        upload(client, make_image(30_000_000), "/tmp/i")
        assert resident_kib(fleet.pid) - before < 5_000
        assert run(client, "/sbin/sysupgrade --test /tmp/i") == (0, "")
        available = fleet.device(0).mem_available_kib
        assert available == 100_000 - 30_000_000 // 1024


def test_another_password():
    with FleetProcess(password="secret") as fleet:
        client = connect(fleet.device(0), password="secret")
        assert run(client, "true") == (0, "")


def test_errors_are_told_in_words():
    with FleetProcess() as fleet:
        with pytest.raises(FleetError, match="no device 'nobody'"):
            fleet.device("nobody")
        with pytest.raises(FleetError, match="no attribute 'colour'"):
            fleet.set(0, colour="red")
        with pytest.raises(FleetError, match="not all devices were gone"):
            fleet.wait_state("gone", timeout=0.1)


def test_the_command_line(tmp_path):
    socket = str(tmp_path / "control.sock")
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, "--devices", "2", "--fault", "never_back",
         "--control", socket, "--boot-time", "0.5", "--set", "era=19.07"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    ready = json.loads(process.stdout.readline())
    assert ready["control"] == socket
    assert (ready["devices"], ready["first_address"]) == (3, "127.1.0.1")
    fleet = FleetClient(socket)
    assert fleet.device(2).fault == "never_back"
    fleet.stop()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_fleet_ends_with_sigterm():
    process = subprocess.Popen([sys.executable, "-m", MODULE], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_fleet_ends_with_the_process_that_started_it():
    code = (
        "import os; from openwisp_firmware_upgrader.testing import FleetProcess;"
        "fleet = FleetProcess(); print(fleet.control, flush=True); os._exit(1)"
    )
    started = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=False
    )
    control = started.stdout.decode().strip()
    wait_until(lambda: not answers(control))


def test_an_unknown_fault_is_refused():
    failed = subprocess.run(
        [sys.executable, "-m", MODULE, "--fault", "nope"],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert failed.returncode == 2
    assert b"never_back" in failed.stderr
