"""What each fault does on the side of the device, seen by a real client."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time

import paramiko
import pytest
from scp import SCPException

from openwisp_firmware_upgrader.testing import EXPECTED, FAULTS, make_image

from .ssh_client import (
    TCP_USER_TIMEOUT,
    connect,
    refused,
    run,
    upload,
    wait_boot,
    wait_until,
)

PATH = "/tmp/image.bin"
FLASH = f"/sbin/sysupgrade -v -c {PATH}"
IMAGE = make_image(200_000)
OLD, NEW = "OpenWrt 23.05.3 r23809-234f1a2efa", "OpenWrt 2.0 r2"
LOST = (EOFError, OSError, paramiko.SSHException, SCPException)


def ready_to_flash(fleet, fault):
    fleet.set_fault(fault, 0)
    client = connect(fleet.device(0))
    upload(client, IMAGE, PATH)
    return client


def test_every_fault_has_an_expected_end():
    assert list(FAULTS) == list(EXPECTED)


def test_unknown_faults_are_named(fleet):
    with pytest.raises(Exception, match="no fault 'nope', there are: none, wrong_uuid"):
        fleet.set_fault("nope", 0)


def test_a_fault_replaces_the_one_before(fleet):
    fleet.set(0, mem_available_kib=90_000)
    fleet.set_fault("low_memory", 0)
    assert fleet.device(0).mem_available_kib == 20
    fleet.set_fault("none", 0)
    assert fleet.device(0).mem_available_kib == 90_000
    assert fleet.device(1).mem_available_kib == 66_984


def test_wrong_uuid(fleet):
    fleet.set_fault("wrong_uuid", 0)
    report = fleet.device(0)
    _, text = run(connect(report), "uci get openwisp.http.uuid")
    assert text.strip() not in ("", report.uuid)


def test_low_memory_stays_low(fleet):
    fleet.set_fault("low_memory", 0)
    client = connect(fleet.device(0))
    for service in fleet.device(0).services:
        run(client, f"/etc/init.d/{service} stop")
    assert not any(fleet.device(0).services.values())
    _, text = run(client, "cat /proc/meminfo | grep MemAvailable")
    assert text.split()[1] == "20"


def test_no_wifi_command_has_memory_once_services_stop(fleet):
    fleet.set_fault("no_wifi_command", 0)
    client = connect(fleet.device(0))
    assert run(client, "test -f /sbin/wifi && /sbin/wifi down")[0] == 1
    assert fleet.device(0).mem_available_kib == 20
    run(client, "/etc/init.d/cron stop; /etc/init.d/log stop")
    assert fleet.device(0).mem_available_kib > 16_000


def test_full_tmp_is_seen_before_the_upload(fleet):
    fleet.set_fault("full_tmp", 0)
    _, text = run(connect(fleet.device(0)), "df -k /tmp")
    assert text.splitlines()[-1].split()[3] == "16"


def test_bad_image(fleet):
    client = ready_to_flash(fleet, "bad_image")
    code, text = run(client, f"/sbin/sysupgrade --test {PATH}")
    assert (code, "Image check failed" in text) == (1, True)
    assert run(client, FLASH)[0] == 1
    assert fleet.device(0).flashes == ()


def test_truncated_upload_passes_the_test_of_the_device(fleet):
    client = ready_to_flash(fleet, "truncated_upload")
    assert run(client, f"/sbin/sysupgrade --test {PATH}") == (0, "")
    assert run(client, f"wc -c < {PATH}") == (0, "150000\n")
    run(client, f"rm -f {PATH}")
    upload(client, IMAGE, PATH)
    uploads = fleet.device(0).uploads
    assert [(u.size, u.complete) for u in uploads] == [(150_000, False)] * 2


def test_dropped_upload_once(fleet):
    fleet.set_fault("dropped_upload_once", 0)
    client = connect(fleet.device(0))
    with pytest.raises(LOST):
        upload(client, IMAGE, PATH)
    wait_until(lambda: not client.get_transport().is_active())
    upload(connect(fleet.device(0)), IMAGE, PATH)
    assert [u.complete for u in fleet.device(0).uploads] == [False, True]


def test_slow_link(fleet):
    fleet.set_fault("slow_link", 0)
    client = connect(fleet.device(0))
    start = time.monotonic()
    upload(client, IMAGE, PATH)
    assert 1.5 < time.monotonic() - start < 10
    assert fleet.device(0).uploads[0].complete


def test_slow_link_stalls_the_client_by_the_window(fleet):
    """Only what fits into the window may be on the way."""
    fleet.set(0, link_rate=10_000)
    client = connect(fleet.device(0))
    channel = client.get_transport().open_session()
    channel.exec_command(f"scp -t {PATH}")
    assert channel.recv(1) == b"\0"
    channel.sendall(b"C0644 200000 image.bin\n")
    assert channel.recv(1) == b"\0"
    sent, end = 0, time.monotonic() + 3
    channel.settimeout(0.2)
    while time.monotonic() < end:
        with contextlib.suppress(socket.timeout):
            sent += channel.send(b"x" * 4096)
    assert 20_000 < sent < 24_576 + 3 * 10_000 + 20_000


def test_link_down_in_upload_is_silent(fleet):
    fleet.set_fault("link_down_in_upload", 0, link_down_time=3.0)
    report = fleet.device(0)
    client = connect(report)
    tcp = client.get_transport().sock
    tcp.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 2000)
    start = time.monotonic()
    with pytest.raises(LOST):
        upload(client, IMAGE, PATH, socket_timeout=1)
    assert client.get_transport().is_active()
    with pytest.raises(TimeoutError):
        socket.create_connection((report.address, report.port), timeout=0.5)
    # data are not acknowledged, so the kernel of the client gives up, as it would
    # on a link that is really dead
    wait_until(lambda: not client.get_transport().is_active(), timeout=6)
    wait_until(lambda: not fleet.device(0).silent)
    assert time.monotonic() - start >= 3
    assert run(connect(report), f"wc -c < {PATH}")[1].strip() != "200000"
    upload(connect(report), IMAGE, PATH)
    assert [u.complete for u in fleet.device(0).uploads] == [False, True]


def test_old_connections_stay_dead_when_the_link_is_back(fleet):
    report = fleet.device(0)
    client = connect(report)
    fleet.link(0, up=False)
    with pytest.raises(LOST):
        run(client, "true", timeout=0.3)
    fleet.link(0, up=True)
    assert run(connect(report), "true") == (0, "")
    with pytest.raises(LOST):
        run(client, "true", timeout=0.3)
    assert client.get_transport().is_active()


def test_link_down_after_flash(fleet):
    client = ready_to_flash(fleet, "link_down_after_flash")
    fleet.set(0, boot_time=1.0)
    with pytest.raises(socket.timeout):
        run(client, FLASH, timeout=0.3)
    assert client.get_transport().is_active()
    wait_until(lambda: fleet.device(0).silent)
    report = fleet.device(0)
    assert len(report.flashes) == 1
    with pytest.raises(TimeoutError):
        socket.create_connection((report.address, report.port), timeout=0.3)
    fleet.wait_state("up", 0)
    assert fleet.device(0).release == NEW
    assert run(connect(fleet.device(0)), "true") == (0, "")


def test_scp_never_exits(fleet):
    fleet.set_fault("scp_never_exits", 0)
    client = connect(fleet.device(0))
    channel = client.get_transport().open_session()
    channel.exec_command(f"scp -t {PATH}")
    assert channel.recv(1) == b"\0"
    channel.sendall(b"C0644 3 x\n")
    assert channel.recv(1) == b"\0"
    channel.sendall(b"abc\0")
    assert channel.recv(1) == b"\0"
    channel.shutdown_write()
    assert not channel.status_event.wait(0.5)
    digest = hashlib.sha256(b"abc").hexdigest()
    assert run(connect(fleet.device(0)), f"sha256sum {PATH}")[1].split()[0] == digest


def test_no_final_answer(fleet):
    fleet.set_fault("no_final_answer", 0)
    client = connect(fleet.device(0))
    with pytest.raises(SCPException, match="Timeout"):
        upload(client, IMAGE, PATH, socket_timeout=2)
    digest = hashlib.sha256(IMAGE).hexdigest()
    assert run(client, f"sha256sum {PATH}")[1].split()[0] == digest


def test_refuses(fleet):
    client = ready_to_flash(fleet, "refuses")
    assert run(client, f"/sbin/sysupgrade --test {PATH}") == (0, "")
    code, text = run(client, FLASH)
    assert (code, "Firmware image is broken" in text) == (1, True)
    assert run(client, "echo alive") == (0, "alive\n")
    assert fleet.device(0).flashes == ()


def test_hang_in_sysupgrade(fleet):
    client = ready_to_flash(fleet, "hang_in_sysupgrade")
    with pytest.raises(socket.timeout):
        run(client, FLASH, timeout=0.5)
    assert run(client, "echo alive") == (0, "alive\n")
    assert fleet.device(0).flashes == ()


def test_never_reboots(fleet):
    before = fleet.device(0)
    client = ready_to_flash(fleet, "never_reboots")
    assert run(client, FLASH)[0] == 10
    time.sleep(0.5)
    after = fleet.device(0)
    assert (after.boot_id, after.state, after.flashes) == (before.boot_id, "up", ())


def test_never_back(fleet):
    client = ready_to_flash(fleet, "never_back")
    assert run(client, FLASH)[0] == 10
    fleet.wait_state("gone", 0)
    assert refused(fleet.device(0))
    assert len(fleet.device(0).flashes) == 1


def test_back_with_old_firmware(fleet):
    before = fleet.device(0)
    client = ready_to_flash(fleet, "back_with_old_firmware")
    run(client, FLASH)
    wait_boot(fleet)
    after = fleet.device(0)
    assert (after.release, len(after.flashes)) == (OLD, 1)
    assert after.boot_id != before.boot_id


def test_back_at_other_address(fleet):
    before = fleet.device(0)
    client = ready_to_flash(fleet, "back_at_other_address")
    run(client, FLASH)
    wait_boot(fleet)
    moved = [d for d in fleet.addresses() if d["address"] != d["first_address"]]
    assert [d["uuid"] for d in moved] == [before.uuid]
    assert refused(before)
    after = fleet.device(before.uuid)
    assert run(connect(after), "uci get openwisp.http.uuid")[1].strip() == before.uuid
    assert after.release == NEW
