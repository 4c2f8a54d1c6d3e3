"""Devices that talk without end before the log-in are let go at once."""

from __future__ import annotations

import threading
import time
import tracemalloc

import paramiko
import pytest
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess
from openwisp_firmware_upgrader.testing.fleet import greeting_faults

pytestmark = pytest.mark.usefixtures("project")
MIB = 1024 * 1024
GREETINGS = (*greeting_faults.GREETING_FAULTS, *greeting_faults.LOGIN_FAULTS)


@pytest.fixture(scope="module")
def fleet():
    with FleetProcess(devices=1) as running:
        yield running


def connector_to(fleet):
    from openwisp_controller.connection.connectors.openwrt.ssh import OpenWrt

    from openwisp_firmware_upgrader.upgraders.openwrt import packets

    report = fleet.device(0)
    params = {"username": "root", "password": "password", "port": report.port}
    # as devices with two addresses: each attempt may leave something behind
    made = OpenWrt(params, [report.address, report.address])
    packets.guard(made)
    return made


def transports():
    return [each for each in threading.enumerate() if is_transport(each)]


def is_transport(thread):
    return isinstance(thread, paramiko.Transport)


@pytest.mark.parametrize("fault", GREETINGS)
def test_s9_a_greeting_has_limits(project, fleet, fault):
    from openwisp_firmware_upgrader.foreign_text import visible

    before = len(transports())
    fleet.set(None, greeting_fault=fault)
    connector = connector_to(fleet)
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises((paramiko.SSHException, EOFError)) as raised:
            connector.connect()
        seconds = time.monotonic() - began
        wait_for(lambda: len(transports()) <= before, "the threads to end", 10, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        fleet.set(None, greeting_fault="")
    words = str(raised.value)
    assert seconds < 60
    assert peak < 5 * MIB, f"{peak / MIB:.0f} MB"
    assert visible(words) == words
    assert len(words) < 2000


def test_s9_a_guarded_connection_works(project, fleet):
    from openwisp_firmware_upgrader.upgraders.openwrt import commands, packets

    connector = connector_to(fleet)
    packets.guard(connector)
    connector.connect()
    try:
        assert commands.run(connector, "echo fine") == ("fine\n", 0)
    finally:
        connector.disconnect()
