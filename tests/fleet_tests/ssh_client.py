"""The client side of the tests: paramiko and scp, as openwisp-controller uses them."""

from __future__ import annotations

import io
import socket
import time

import paramiko
from scp import SCPClient

TCP_USER_TIMEOUT = 18


def connect(report, timeout=5, **credentials):
    """Return a connected `paramiko.SSHClient`."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    credentials = credentials or {"password": "password"}
    client.connect(
        report.address,
        report.port,
        "root",
        timeout=timeout,
        banner_timeout=timeout,
        auth_timeout=timeout,
        look_for_keys=False,
        allow_agent=False,
        **credentials,
    )
    return client


def run(client, command, timeout=10):
    """Return (exit code, output and errors) of ``command``."""
    _, out, err = client.exec_command(command, timeout=timeout)
    text = (out.read() + err.read()).decode()
    return out.channel.recv_exit_status(), text


def upload(client, image, path, socket_timeout=10.0):
    """Send ``image`` by SCP."""
    sender = SCPClient(client.get_transport(), socket_timeout=socket_timeout)
    sender.putfo(io.BytesIO(image), path)
    sender.close()


def refused(report):
    """Whether a TCP connect is answered with a RST."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((report.address, report.port)) == 111


def wait_until(condition, timeout=15.0):
    """Wait until ``condition()`` is true, or fail."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "condition not reached in time"
        time.sleep(0.01)


def wait_boot(fleet):
    """Wait until device 0 of ``fleet`` is up again after its first reboot."""
    # counted, for a boot of 0.2 s is over before a busy client looks
    wait_until(lambda: fleet.device(0).boots == 2)
    fleet.wait_state("up", 0)
