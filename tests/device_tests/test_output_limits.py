"""Devices that answer without end cost a worker little memory, time and log."""

from __future__ import annotations

import gc
import socket
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import paramiko
import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = pytest.mark.usefixtures("project")
MIB = 1024 * 1024
BEFORE = release_of("1.0", "r1")
ENDLESS = ("endless_stdout", "endless_stderr", "endless_after_status")
# a device may hold a slot so long with one answer
FREE_WITHIN = 60


@pytest.fixture(scope="module")
def fleet():
    with FleetProcess(devices=1, boot_time=1, release=BEFORE) as running:
        yield running


@pytest.fixture
def connector(project, fleet):
    """An open connection of the controller's to a device."""
    from openwisp_controller.connection.connectors.openwrt.ssh import OpenWrt

    return connected(OpenWrt, fleet)


def connected(kind, fleet):
    report = fleet.device(0)
    params = {"username": "root", "password": "password", "port": report.port}
    made = kind(params, [report.address])
    made.connect()
    return made


def run(connector, fleet, fault, command="uptime", **options):
    """Runs a command that the device answers like ``fault``."""
    from openwisp_firmware_upgrader.upgraders.openwrt import commands

    fleet.set(None, output_fault=fault)
    try:
        return commands.run(connector, command, **options)
    finally:
        fleet.set(None, output_fault="")
        connector.disconnect()


@pytest.mark.parametrize("fault", ENDLESS)
def test_s9_endless_output_is_cut_at_256_kib(connector, fleet, fault):
    from openwisp_firmware_upgrader.exceptions import RecoverableFailure

    gc.collect()
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(RecoverableFailure, match="262144 bytes"):
            run(connector, fleet, fault, timeout=300)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * MIB
    assert time.monotonic() - began < FREE_WITHIN


def test_s9_connectors_that_override_exec_command_are_bounded_too(project, fleet):
    from openwisp_controller.connection.connectors.openwrt.ssh import OpenWrt

    from openwisp_firmware_upgrader.exceptions import RecoverableFailure

    class Sudo(OpenWrt):
        def exec_command(self, command, **options):
            return super().exec_command(f"true; {command}", **options)

    output, code = run(connected(Sudo, fleet), fleet, "", "echo fine")
    assert (output, code) == ("fine\n", 0)
    with pytest.raises(RecoverableFailure, match="262144 bytes"):
        run(connected(Sudo, fleet), fleet, "endless_after_status", timeout=60)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drip", "CommandTimeoutException"),
        ("drip_after_status", "TimeoutError"),
        ("silent", "CommandTimeoutException"),
    ],
)
def test_s9_a_command_has_a_limit_in_time(connector, fleet, fault, error):
    """The errors are those of the controller's own ``exec_command``."""
    began = time.monotonic()
    with pytest.raises(Exception) as raised:  # noqa: PT011 its name is compared
        run(connector, fleet, fault, timeout=1)
    assert type(raised.value).__name__ == error
    assert 0.9 < time.monotonic() - began < 30


class Deaf(paramiko.ServerInterface):
    """A server that never says whether it runs a command."""

    def __init__(self):
        self.stopped = threading.Event()

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self.stopped.wait(60)
        return False


def test_s9_a_device_that_does_not_accept_a_command(project):
    from openwisp_controller.connection.connectors.ssh import Ssh

    from openwisp_firmware_upgrader.upgraders.openwrt import commands

    here, there = socket.socketpair()
    server, deaf = paramiko.Transport(there), Deaf()
    server.add_server_key(paramiko.RSAKey.generate(2048))
    server.start_server(event=threading.Event(), server=deaf)
    connector = Ssh({"username": "root", "password": "password"}, ["127.0.0.1"])
    connector.shell.connect("device", username="root", password="x", sock=here)
    try:
        with (
            mock.patch.object(commands, "GRACE", 0.2),
            pytest.raises((paramiko.SSHException, EOFError)),
        ):
            commands.run(connector, "uptime", timeout=0.5)
    finally:
        deaf.stopped.set()
        connector.disconnect()
        server.close()


def test_s9_packets_have_a_limit(project):
    from openwisp_firmware_upgrader.upgraders.openwrt import ssh

    here, there = socket.socketpair()
    with here, there:
        transport = paramiko.Transport(here)
        ssh.bound(
            SimpleNamespace(shell=SimpleNamespace(get_transport=lambda: transport))
        )
        there.sendall((2**31 + 4).to_bytes(4, "big") + bytes(4))
        with pytest.raises(paramiko.SSHException, match="packet of"):
            transport.packetizer.read_message()


def test_s9_answers_are_the_controllers(connector, fleet):
    from openwisp_controller.connection.connectors.exceptions import (
        CommandFailedException,
    )

    from openwisp_firmware_upgrader.upgraders.openwrt import commands

    script = "echo out; echo err >&2; exit 3"
    for exec_command in (
        connector.exec_command,
        lambda *a, **k: commands.run(connector, *a, **k),
    ):
        assert exec_command("echo out; echo err >&2") == ("out\nerr\n", 0)
        assert exec_command(script, raise_unexpected_exit=False)[1] == 3
        assert exec_command(script, exit_codes=[3])[1] == 3
        with pytest.raises(CommandFailedException, match="^err"):
            exec_command(script)
        with pytest.raises(CommandFailedException, match="Unexpected exit code: 4"):
            exec_command("exit 4")
    connector.disconnect()


# part of the command in which a device misbehaves, and the end of the operation
IN_PREFLIGHT, IN_FLASH = "uci get", "sysupgrade -v"
HOSTILE = {
    "endless_stdout": IN_PREFLIGHT,
    "endless_stderr": IN_PREFLIGHT,
    "endless_after_status": IN_PREFLIGHT,
    "drip": IN_PREFLIGHT,
    "silent": IN_PREFLIGHT,
}


def resident(pid: int) -> int:
    """Returns the resident set of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def test_s9_a_worker_with_hostile_devices(project):
    """Recoverable before the flash, never flashed again after it."""
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("Hostile"), name="hostile")
    owner = firmware.category.organization
    with FleetProcess(devices=len(HOSTILE) + 3, boot_time=1, release=BEFORE) as fleet:
        first, *devices = inventory.register(owner, fleet, firmware.old)
        *hostile, flooding, _healthy = devices
        worker = project.worker(slots=len(devices))
        warm_up = inventory.start(first, firmware.new)
        rows = type(warm_up).objects
        ended = rows.filter(pk=warm_up.pk, status="success")
        wait_for(ended.exists, "the first device", 60, 0.2)
        before = resident(worker.process.pid)
        for device, (fault, where) in zip(hostile, HOSTILE.items(), strict=True):
            fleet.set(device.pk, output_fault=fault, output_fault_in=where)
        fleet.set(flooding.pk, output_fault="endless_stdout", output_fault_in=IN_FLASH)
        began = time.monotonic()
        operations = [inventory.start(each, firmware.new) for each in devices]
        bad = rows.filter(pk__in=[each.pk for each in operations[: len(hostile)]])
        good = rows.filter(pk=operations[-1].pk)
        wait_for(
            lambda: not bad.filter(evidence__failures__isnull=True).exists(),
            "each hostile device to be let go once",
            FREE_WITHIN,
            0.2,
        )
        assert time.monotonic() - began < FREE_WITHIN
        wait_for(good.filter(status="success").exists, "the healthy device", 60, 0.2)
        flashing = rows.filter(pk=operations[-2].pk)
        wait_for(flashing.exclude(status="in-progress").exists, "the end", 90, 0.2)
        grown = resident(worker.process.pid) - before
        log = worker.process.log
        size = log.stat().st_size
        flashes = [c for c in fleet.device(flooding.pk).commands if IN_FLASH in c.text]
    project.stop_workers()
    assert "262144 bytes" in bad.order_by("created").first().log
    assert len(flashes) == 1, flashing.get().log
    assert flashing.get().evidence["flash_answer"]["kind"] == "undecided"
    assert "did not reboot" in flashing.get().log
    assert size < MIB, f"{size} bytes of log"
    assert grown < 20 * MIB, f"grown by {grown / MIB:.0f} MB"
