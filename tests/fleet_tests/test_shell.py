from __future__ import annotations

import json

import pytest

from openwisp_firmware_upgrader.testing import FakeDevice


@pytest.fixture
def device():
    fake = FakeDevice()
    fake.connect()
    return fake


def run(fake, command):
    return fake.exec_command(command, raise_unexpected_exit=False)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo a; echo b", ("a\nb\n", 0)),
        ("false && echo no || echo yes", ("yes\n", 0)),
        ("true || echo no; echo $?", ("0\n", 0)),
        ("! true", ("", 1)),
        ("(echo a; exit 3); echo $?", ("a\n3\n", 0)),
        ("{ echo a; echo b; } | grep b", ("b\n", 0)),
        ("echo a | grep b", ("", 1)),
        ("if test -f /sbin/wifi; then echo y; else echo n; fi", ("y\n", 0)),
        ("if false; then echo a; elif true; then echo b; fi", ("b\n", 0)),
        ("X=1; echo \"$X '$X'\" '$X'", ("1 '1' $X\n", 0)),
        ('echo "a  b" $(echo c   d)', ("a  b c d\n", 0)),
        ("echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f", ("a\nb\n", 0)),
        ("echo x > '/tmp/a b'; wc -c < '/tmp/a b'", ("2\n", 0)),
        ("echo a>/tmp/1; ls /tmp/*; rm -f /tmp/1", ("/tmp/1\n", 0)),
        ("nope 2>/dev/null", ("", 127)),
        ("nope 2>&1 | grep -c not", ("1\n", 0)),
        ("exit 7", ("", 7)),
        ("cat < /tmp/none", ("\nash: can't open /tmp/none: no such file\n", 1)),
        (
            "echo a > /none/b",
            ("\nash: can't create /none/b: nonexistent directory\n", 1),
        ),
        ("test -x /sbin/sysupgrade && [ 3 -gt 2 ]", ("", 0)),
        ("printf '%s\\n%s\\n' a b # a comment", ("a\nb\n", 0)),
        ("rm /etc/openwisp/checksum 2> /dev/null", ("", 1)),
        ("sync && echo 3 > /proc/sys/vm/drop_caches", ("", 0)),
        ("echo rc=$?", ("rc=0\n", 0)),
    ],
)
def test_shell(device, command, expected):
    assert run(device, command) == expected


@pytest.mark.parametrize(
    "script", ["echo 'a", "echo a &&", "if true; then", "a & b", "echo `a`", "( echo"]
)
def test_what_the_shell_does_not_know_is_a_syntax_error(device, script):
    output, code = run(device, script)
    assert code == 2
    assert "syntax error" in output


def test_unknown_command(device):
    assert run(device, "opkg update") == ("\nash: opkg: not found\n", 127)


def test_identity(device):
    assert run(device, "uci get openwisp.http.uuid") == (f"{device.device.uuid}\n", 0)
    device.device.reports_uuid = ""
    assert run(device, "uci get openwisp.http.uuid")[1] == 1


def test_memory_with_and_without_mem_available(device):
    output, _ = run(device, "cat /proc/meminfo | grep MemAvailable")
    assert output.split() == ["MemAvailable:", "66984", "kB"]
    device.device.has_mem_available = False
    assert run(device, "cat /proc/meminfo | grep MemAvailable") == ("", 1)
    assert run(device, "cat /proc/meminfo | grep MemFree")[1] == 0


def test_stopped_services_give_memory_back_and_run_again_after_a_boot(device):
    stop = "test -f /etc/init.d/{0} && /etc/init.d/{0} stop"
    assert run(device, stop.format("uhttpd")) == ("", 0)
    assert run(device, stop.format("rssileds")) == ("", 1)
    assert device.device.available_kib == 66_984 + 512
    assert not device.device.services["uhttpd"]
    device.device.boot()
    assert device.device.services["uhttpd"]


def test_tmp_is_limited_and_lost_at_boot(device):
    device.device.tmp_size_kib = 1
    run(device, "echo kept > /etc/openwisp/x; echo lost > /tmp/x")
    output, code = run(device, f"echo {'x' * 1025} > /tmp/big")
    assert (code, "No space left on device" in output) == (1, True)
    device.device.boot()
    assert device.device.files.tmp_files == {}
    assert run(device, "cat /etc/openwisp/x") == ("kept\n", 0)


def test_df_and_ubus_agree_about_tmp(device):
    run(device, "echo a > /tmp/x")
    line = run(device, "df -k /tmp")[0].splitlines()[-1].split()
    info = json.loads(run(device, "ubus call system info")[0])
    assert (line[1], line[3]) == ("62500", "62499")
    assert info["tmp"]["avail"] == 62499


def test_board_tells_release_and_board_name(device):
    board = json.loads(run(device, "ubus call system board")[0])
    assert board["release"]["description"] == "OpenWrt 23.05.3 r23809-234f1a2efa"
    assert board["release"]["revision"] == "r23809-234f1a2efa"
    assert board["board_name"] == "tplink,tl-wdr4300-v1"


def test_boot_id_changes_and_may_be_unreadable(device):
    first = run(device, "cat /proc/sys/kernel/random/boot_id")
    device.device.boot()
    assert run(device, "cat /proc/sys/kernel/random/boot_id") != first
    device.device.boot_id_readable = False
    assert run(device, "cat /proc/sys/kernel/random/boot_id")[1] == 1


def test_missing_commands_are_not_found(device):
    device.device.missing_commands = ("sha256sum", "ubus")
    assert run(device, "sha256sum /tmp/x")[1] == 127
    assert run(device, "ubus call system board")[1] == 127
    assert run(device, "test -x /bin/ubus")[1] == 1


def test_overlay(device):
    assert run(device, "test -d /overlay/upper/etc")[1] == 0
    device.device.overlay = False
    assert run(device, "test -d /overlay/upper/etc")[1] == 1
