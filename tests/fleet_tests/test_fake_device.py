from __future__ import annotations

import io
import subprocess
import sys

import pytest
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
    CommandTimeoutException,
)
from scp import SCPException

from openwisp_firmware_upgrader.testing import FakeDevice, make_image

PATH = "/tmp/image.bin"
FLASH = f"/sbin/sysupgrade -v {PATH}"


def ready(**options):
    fake = FakeDevice(**options)
    fake.connect()
    return fake


def send(fake):
    fake.upload(io.BytesIO(make_image()), PATH)


def test_it_needs_neither_django_nor_asyncssh():
    code = (
        "import sys; from openwisp_firmware_upgrader.testing import FakeDevice;"
        "FakeDevice().connect();"
        "sys.exit(any(m in sys.modules for m in ('django', 'asyncssh')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_commands_and_uploads_are_recorded():
    fake = ready(uuid="11111111-2222-4333-8444-555555555555")
    assert fake.exec_command("uci get openwisp.http.uuid")[0].strip() == (
        "11111111-2222-4333-8444-555555555555"
    )
    send(fake)
    assert fake.commands == ["uci get openwisp.http.uuid"]
    assert [(u.path, u.size, u.complete) for u in fake.uploads] == [(PATH, 65536, True)]


def test_unexpected_codes_raise_as_the_connector_does():
    fake = ready()
    with pytest.raises(CommandFailedException, match="not found"):
        fake.exec_command("nope")
    assert fake.exec_command("false", exit_codes=[1]) == ("", 1)
    assert fake.exec_command("false", raise_unexpected_exit=False) == ("", 1)


def test_unreachable_device():
    fake = FakeDevice(reachable=False)
    with pytest.raises(OSError, match="Unable"):
        fake.connect()
    connection = fake.connection()
    assert connection.connect() is False
    assert "Unable" in connection.failure_reason


def test_reboot_when_told():
    fake = ready(auto_reboot=False)
    send(fake)
    fake.exec_command(FLASH, exit_codes=[10])
    assert not fake.reachable
    assert fake.device.release != "OpenWrt 2.0 r2"
    fake.finish_reboot()
    fake.connect()
    assert fake.device.release == "OpenWrt 2.0 r2"


def test_end_of_file_instead_of_an_answer():
    fake = ready(answer="eof")
    send(fake)
    assert fake.exec_command(FLASH, exit_codes=[-1]) == ("", -1)


@pytest.mark.parametrize(
    ("fault", "error", "complete"),
    [
        ("dropped_upload_once", ConnectionResetError, False),
        ("link_down_in_upload", TimeoutError, False),
        ("no_final_answer", SCPException, True),
        ("scp_never_exits", EOFError, True),
        ("full_tmp", SCPException, False),
    ],
)
def test_upload_faults(fault, error, complete):
    fake = ready(faults=fault)
    with pytest.raises(error):
        send(fake)
    assert fake.uploads[0].complete is complete


@pytest.mark.parametrize(
    ("fault", "error", "flashes"),
    [
        ("refuses", CommandFailedException, 0),
        ("hang_in_sysupgrade", CommandTimeoutException, 0),
        ("link_down_after_flash", CommandTimeoutException, 1),
    ],
)
def test_flash_faults(fault, error, flashes):
    fake = ready(faults=[fault])
    send(fake)
    with pytest.raises(error):
        fake.exec_command(FLASH, exit_codes=[10])
    assert len(fake.flashes) == flashes


def test_faults_can_be_combined():
    fake = ready(faults=["low_memory", "refuses"])
    assert fake.device.available_kib == 20
    assert fake.device.flash_fault == "refuses"


def test_callbacks_at_hooks():
    fake = ready()
    passed = []
    for hook in ("before_first_command", "mid_upload", "in_test", "verify_connected"):
        fake.at(hook, lambda hook=hook: passed.append(hook))
    send(fake)
    fake.exec_command(f"/sbin/sysupgrade --test {PATH}")
    fake.exec_command(FLASH, exit_codes=[10])
    fake.connect()
    fake.exec_command("true")
    fake.exec_command("true")
    assert passed == [
        "before_first_command",
        "mid_upload",
        "in_test",
        "verify_connected",
    ]
