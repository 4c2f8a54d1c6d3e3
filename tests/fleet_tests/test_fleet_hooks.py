"""Hooks: the fleet waits where a test wants it, and recovers from lost clients."""

from __future__ import annotations

import threading
import time

import pytest

from openwisp_firmware_upgrader.testing import make_image
from openwisp_firmware_upgrader.testing.fleet import FleetError

from .ssh_client import connect, refused, run, upload, wait_boot, wait_until

PATH = "/tmp/image.bin"
FLASH = f"/sbin/sysupgrade -v {PATH}"


class Background:
    """A client call in a thread, with its result or exception."""

    def __init__(self, call, *arguments):
        self.result = self.error = None
        self._thread = threading.Thread(target=self._run, args=(call, arguments))
        self._thread.start()

    def _run(self, call, arguments):
        try:
            self.result = call(*arguments)
        except Exception as error:  # noqa: BLE001  (handed to the test)
            self.error = error

    @property
    def running(self):
        return self._thread.is_alive()

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.result


@pytest.fixture
def client(fleet):
    """A client of device 0 with an uploaded image."""
    client = connect(fleet.device(0))
    upload(client, make_image(), PATH)
    return client


def test_before_first_command(fleet):
    fleet.arm("before_first_command")
    client = connect(fleet.device(0))
    call = Background(run, client, "echo a")
    assert fleet.wait_hook("before_first_command") == [0]
    assert call.running
    assert fleet.status()["hooks"]["before_first_command"]["waiting"] == [0]
    assert fleet.release("before_first_command") == 1
    assert call.join() == (0, "a\n")
    assert run(client, "echo b") == (0, "b\n")


def test_a_hook_holds_only_the_devices_it_was_armed_for(fleet):
    fleet.arm("before_first_command", [1, 2])
    assert run(connect(fleet.device(0)), "true") == (0, "")
    calls = [Background(run, connect(fleet.device(i)), "true") for i in (1, 2)]
    assert sorted(fleet.wait_hook("before_first_command", count=2)) == [1, 2]
    fleet.release("before_first_command")
    assert [call.join() for call in calls] == [(0, "")] * 2


def test_mid_upload(fleet):
    fleet.arm("mid_upload")
    client = connect(fleet.device(0))
    call = Background(upload, client, make_image(200_000), PATH)
    fleet.wait_hook("mid_upload")
    time.sleep(0.2)
    assert call.running
    fleet.release("mid_upload")
    call.join()
    assert fleet.device(0).uploads[0].complete


def test_mid_upload_and_the_client_dies(fleet):
    fleet.arm("mid_upload")
    client = connect(fleet.device(0))
    call = Background(upload, client, make_image(200_000), PATH)
    fleet.wait_hook("mid_upload")
    client.close()
    call.join()
    wait_until(lambda: not fleet.status()["hooks"]["mid_upload"]["waiting"])
    wait_until(lambda: fleet.device(0).sessions == 0)
    fleet.release("mid_upload")
    upload(connect(fleet.device(0)), make_image(200_000), PATH)
    assert [u.complete for u in fleet.device(0).uploads] == [False, True]


def test_in_test(fleet, client):
    fleet.arm("in_test")
    call = Background(run, client, f"/sbin/sysupgrade --test {PATH}")
    fleet.wait_hook("in_test")
    assert call.running
    fleet.release("in_test")
    assert call.join() == (0, "")


def test_in_test_and_the_client_dies(fleet, client):
    fleet.arm("in_test")
    client.exec_command(f"/sbin/sysupgrade --test {PATH}")
    fleet.wait_hook("in_test")
    client.close()
    wait_until(lambda: not fleet.status()["hooks"]["in_test"]["waiting"])
    assert fleet.device(0).commands[-1].code is None
    fleet.release("in_test")
    assert run(connect(fleet.device(0)), f"sysupgrade --test {PATH}") == (0, "")


def test_flash_received_not_answered(fleet, client):
    fleet.arm("flash_received_not_answered")
    call = Background(run, client, FLASH)
    fleet.wait_hook("flash_received_not_answered")
    report = fleet.device(0)
    assert (call.running, len(report.flashes), report.state) == (True, 1, "flashing")
    assert refused(report)
    fleet.release("flash_received_not_answered")
    assert call.join()[0] == 10
    fleet.wait_state("up", 0)
    assert fleet.device(0).release == "OpenWrt 2.0 r2"


def test_flash_received_not_answered_and_the_client_dies(fleet, client):
    fleet.arm("flash_received_not_answered")
    client.exec_command(FLASH)
    fleet.wait_hook("flash_received_not_answered")
    client.close()
    fleet.wait_state("up", 0, timeout=5)
    report = fleet.device(0)
    assert (report.boots, len(report.flashes)) == (2, 1)
    assert report.release == "OpenWrt 2.0 r2"


def test_flash_answered(fleet, client):
    fleet.arm("flash_answered")
    assert run(client, FLASH)[0] == 10
    fleet.wait_hook("flash_answered")
    assert fleet.device(0).boots == 1
    assert client.get_transport().is_active()
    client.close()
    time.sleep(0.4)
    assert fleet.device(0).boots == 1
    fleet.release("flash_answered")
    fleet.wait_state("up", 0)
    assert fleet.device(0).boots == 2


def test_rebooting(fleet, client):
    fleet.arm("rebooting")
    run(client, FLASH)
    fleet.wait_hook("rebooting")
    time.sleep(0.4)
    assert refused(fleet.device(0))
    fleet.release("rebooting")
    fleet.wait_state("up", 0)


def test_verify_connected_is_the_first_command_after_the_reboot(fleet, client):
    fleet.arm("verify_connected")
    fleet.arm("before_first_command")
    run(client, FLASH)
    wait_boot(fleet)
    call = Background(run, connect(fleet.device(0)), "echo back")
    fleet.wait_hook("verify_connected")
    assert call.running
    assert fleet.status()["hooks"]["before_first_command"]["reached"] == []
    fleet.release("verify_connected")
    assert call.join() == (0, "back\n")


def test_after_the_marker_is_written_a_session_is_no_verification(fleet, client):
    run(client, FLASH)
    wait_boot(fleet)
    digest = fleet.device(0).flashes[0].sha256
    run(
        connect(fleet.device(0)),
        f"mkdir -p /etc/openwisp; echo {digest} > /etc/openwisp/firmware_checksum",
    )
    fleet.arm("verify_connected")
    assert run(connect(fleet.device(0)), "true") == (0, "")


def test_a_hook_that_is_not_reached_is_an_error(fleet):
    fleet.arm("in_test")
    with pytest.raises(FleetError, match="0 of 1 devices reached in_test"):
        fleet.wait_hook("in_test", timeout=0.1)


def test_a_forgotten_hook_lets_go_by_itself(fleet):
    fleet.arm("before_first_command", limit=0.2)
    assert run(connect(fleet.device(0)), "true") == (0, "")


def test_unknown_hooks_are_named(fleet):
    with pytest.raises(FleetError, match="no hook 'nope', there are: before_first"):
        fleet.arm("nope")


def test_reset_ends_everything(fleet, client):
    fleet.arm("rebooting")
    uuid = "0d6b9f6c-6a0e-4d6a-9a5e-1f0c2a6b7c8d"
    fleet.set(0, uuid=uuid)
    run(client, FLASH)
    fleet.wait_hook("rebooting")
    fleet.reset()
    report = fleet.device(0)
    assert (report.state, report.uuid, report.boots) == ("up", uuid, 1)
    assert (report.flashes, report.commands, report.sessions) == ((), (), 0)
    assert run(connect(report), "true") == (0, "")
