"""A whole upgrade by hand, with the client openwisp-controller uses."""

from __future__ import annotations

import hashlib
import threading
import time

import paramiko
import pytest
from scp import SCPException

from openwisp_firmware_upgrader.testing import make_image, release_of
from openwisp_firmware_upgrader.testing.fleet import Fleet

from .ssh_client import connect, refused, run, upload, wait_boot, wait_until

PATH = "/tmp/new image.bin"
MARKER = "/etc/openwisp/firmware_checksum"
FLASH = f"/sbin/sysupgrade -v -c '{PATH}'"


def upgrade(report, image):
    """Do what an upgrader does up to the cut connection."""
    client = connect(report)
    assert run(client, "uci get openwisp.http.uuid") == (0, f"{report.uuid}\n")
    upload(client, image, PATH)
    digest = run(client, f"sha256sum '{PATH}'")[1].split()[0]
    assert digest == hashlib.sha256(image).hexdigest()
    assert run(client, f"wc -c < '{PATH}'") == (0, f"{len(image)}\n")
    assert run(client, f"/sbin/sysupgrade --test '{PATH}'") == (0, "")
    code, text = run(client, FLASH)
    assert (code, text.rstrip()[-19:]) == (10, "(Connection failed)")
    wait_until(lambda: not client.get_transport().is_active())
    return digest


def test_an_upgrade(fleet):
    before = fleet.device(0)
    digest = upgrade(before, make_image(300_000, version="24.10.1", revision="r28597"))
    assert refused(before)
    fleet.wait_state("up", 0)
    after = fleet.device(0)
    assert after.release == release_of("24.10.1", "r28597")
    assert after.boot_id != before.boot_id
    assert (after.boots, after.tmp, after.services_running) == (2, {}, True)
    assert [(f.sha256, f.size) for f in after.flashes] == [(digest, 300_000)]
    assert [u.complete for u in after.uploads] == [True]
    assert (after.sessions, after.max_sessions, after.logins) == (0, 1, 1)
    _, text = run(connect(after), "cat /proc/sys/kernel/random/boot_id")
    assert text.strip() == after.boot_id


def test_the_ledger_after_an_upgrade(fleet):
    report = fleet.device(1)
    digest = upgrade(report, make_image())
    fleet.wait_state("up", 1)
    client = connect(report)
    run(client, f"mkdir -p /etc/openwisp && echo {digest} > {MARKER}")
    ledger = fleet.ledger()
    assert ledger[report.uuid].marker == digest
    assert ledger.flashes_of(report.uuid) == ledger.flashes == 1
    assert ledger.uploads_of(report.uuid)[0].path == PATH
    assert ledger.commands_of(report.uuid)[0] == "uci get openwisp.http.uuid"
    assert (ledger.flashed_more_than_once, ledger.max_sessions) == ([], 1)
    assert ledger.releases["OpenWrt 2.0 r2"] == 1


def test_end_of_file_instead_of_exit_code_10(fleet):
    fleet.set(0, answer="eof")
    client = connect(fleet.device(0))
    upload(client, make_image(), PATH)
    assert run(client, FLASH) == (-1, "")
    fleet.wait_state("up", 0)
    assert fleet.device(0).release == "OpenWrt 2.0 r2"


def test_devices_are_told_apart_by_their_address(fleet):
    reports = fleet.ledger().devices
    assert len({report.address for report in reports}) == 3
    assert len({report.uuid for report in reports}) == 3
    assert len({report.port for report in reports}) == 1
    for report in reports:
        client = connect(report)
        assert run(client, "uci get openwisp.http.uuid")[1].strip() == report.uuid
        client.close()


def test_no_sftp_no_shell_no_pty(fleet):
    client = connect(fleet.device(0))
    with pytest.raises(paramiko.SSHException):
        client.open_sftp()
    with pytest.raises(paramiko.SSHException):
        client.invoke_shell()


def test_wrong_password_is_refused(fleet):
    with pytest.raises(paramiko.AuthenticationException):
        connect(fleet.device(0), password="wrong")
    assert fleet.device(0).logins == 0


def test_log_in_with_a_key():
    own, other = paramiko.RSAKey.generate(2048), paramiko.RSAKey.generate(2048)
    line = f"ssh-rsa {own.get_base64()} a comment"
    with Fleet(keys=(line,)) as fleet:
        client = connect(fleet.device(0), pkey=own)
        assert run(client, "echo in") == (0, "in\n")
        with pytest.raises(paramiko.AuthenticationException):
            connect(fleet.device(0), pkey=other)


def test_receive_window_is_that_of_dropbear(fleet):
    client = connect(fleet.device(0))
    channel = client.get_transport().open_session()
    assert channel.out_window_size == 24_576


def test_sleep_takes_time_and_others_do_not_wait(fleet):
    slow, quick = connect(fleet.device(0)), connect(fleet.device(1))
    start = time.monotonic()
    _, out, _ = slow.exec_command("sleep 3; echo done")
    assert run(quick, "echo quick") == (0, "quick\n")
    assert time.monotonic() - start < 2.5
    assert out.read() == b"done\n"
    assert time.monotonic() - start >= 3


def test_commands_are_recorded_with_time_session_and_code(fleet):
    client = connect(fleet.device(0))
    start = time.time()
    run(client, "false")
    command = fleet.device(0).commands[0]
    assert (command.text, command.code, command.session) == ("false", 1, 1)
    assert start - 1 < command.at < time.time() + 1


def test_a_full_tmp_is_answered_as_scp_does(fleet):
    fleet.set_fault("full_tmp", 0)
    client = connect(fleet.device(0))
    with pytest.raises(SCPException, match="No space left on device"):
        upload(client, make_image(), PATH)
    report = fleet.device(0)
    assert (report.uploads[0].complete, report.tmp[PATH]) == (False, 16 * 1024)
    run(client, f"rm -f '{PATH}'")
    assert fleet.device(0).tmp == {}


def test_a_missing_directory_is_answered_as_scp_does(fleet):
    client = connect(fleet.device(0))
    with pytest.raises(SCPException, match="No such file or directory"):
        upload(client, b"x", "/none/file")


def test_an_upload_the_client_gives_up_leaves_a_part(fleet):
    client = connect(fleet.device(0))
    channel = client.get_transport().open_session()
    channel.exec_command(f"scp -t '{PATH}'")
    assert channel.recv(1) == b"\0"
    channel.sendall(b"C0644 1000 image.bin\n")
    assert channel.recv(1) == b"\0"
    channel.sendall(b"x" * 400)
    wait_until(lambda: not channel.send_ready() or fleet.device(0).uploads)
    time.sleep(0.1)
    client.close()
    wait_until(lambda: fleet.device(0).tmp == {PATH: 400})
    assert fleet.device(0).uploads[0].complete is False


def test_reboot_without_a_flash(fleet):
    before = fleet.device(0)
    client = connect(before)
    client.exec_command("reboot")
    wait_boot(fleet)
    after = fleet.device(0)
    assert after.boot_id != before.boot_id
    assert (after.release, after.flashes) == (before.release, ())


def test_power_off_and_on(fleet):
    client = connect(fleet.device(0))
    fleet.power(0, on=False)
    wait_until(lambda: not client.get_transport().is_active())
    assert refused(fleet.device(0))
    fleet.power(0, on=True)
    assert run(connect(fleet.device(0)), "true") == (0, "")


def test_a_thousand_devices_start_in_seconds():
    start = time.monotonic()
    with Fleet(devices=1000, first_address="127.2.0.1") as fleet:
        assert time.monotonic() - start < 15
        assert fleet.status()["up"] == 1000
        last = fleet.device(999)
        assert run(connect(last), "uci get openwisp.http.uuid")[1].strip() == last.uuid


def test_many_uploads_at_once(fleet):
    image = make_image(500_000)
    clients = [connect(fleet.device(index)) for index in range(3)]
    threads = [
        threading.Thread(target=upload, args=(client, image, PATH))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digest = hashlib.sha256(image).hexdigest()
    uploads = [d.uploads[0] for d in fleet.ledger().devices]
    assert [(u.complete, u.sha256) for u in uploads] == [(True, digest)] * 3


def test_only_loopback_addresses_are_served():
    with pytest.raises(ValueError, match="not a loopback address"):
        Fleet(first_address="192.0.2.1").start()


def test_a_directory_as_target_takes_the_name_of_the_file(fleet):
    client = connect(fleet.device(0))
    channel = client.get_transport().open_session()
    channel.exec_command("scp -v -t /tmp")
    channel.sendall(b"C0644 3 name.bin\nabc\0")
    channel.recv_exit_status()
    assert fleet.device(0).tmp == {"/tmp/name.bin": 3}
