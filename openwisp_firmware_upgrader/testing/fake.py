"""In-memory doubles of a device for unit tests: no network, no waiting."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import paramiko
import scp
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
    CommandTimeoutException,
)

from .device import Device
from .effects import Effect, Flash, Hang, Hook, Reboot, Result
from .faults import fault_named
from .records import FlashRecord, UploadRecord

if TYPE_CHECKING:
    from ..protocols import Device as DeviceRow
from .scp_sink import ScpSink

BUFFER = 16 * 1024
ADDRESS = "127.0.0.1"


class FakeDevice:
    """A connector that talks to a simulated device in memory.

    It has the methods of openwisp-controller's SSH connectors, and the shell,
    files, faults and `sysupgrade` of the simulated fleet behind them::

        fake = FakeDevice(uuid=device.pk, faults=["refuses"])
        upgrader = OpenWrt(operation, fake.connection())

    :param faults: name or names of `FAULTS`
    :param reachable: whether `connect` works; may be changed at any time
    :param auto_reboot: after a flash the device is back at once; with False it
        stays unreachable until `finish_reboot`
    :param attributes: attributes of `Device`

    ``commands`` are the texts it got, ``uploads`` and ``flashes`` the records,
    ``device`` everything else. Time does not pass: ``sleep`` returns at once,
    what would hang raises the connector's time-out.
    """

    transport = None
    shell = None

    def __init__(
        self,
        *,
        faults: str | Sequence[str] = (),
        reachable: bool = True,
        auto_reboot: bool = True,
        **attributes: Any,
    ) -> None:
        self.device = Device(**attributes)
        for name in [faults] if isinstance(faults, str) else faults:
            self.device.configure(**fault_named(name).attributes)
        self.reachable = reachable
        self.auto_reboot = auto_reboot
        self.addresses = [ADDRESS]
        self.params: dict[str, Any] = {}
        self._session = 0
        self._greeted = False
        self._callbacks: dict[str, Callable[[], object]] = {}

    @property
    def commands(self) -> list[str]:
        """The commands the device got, in the order of arrival."""
        return [command.text for command in self.device.record.commands]

    @property
    def uploads(self) -> list[UploadRecord]:
        """The files that were sent."""
        return self.device.record.uploads

    @property
    def flashes(self) -> list[FlashRecord]:
        """The images that were flashed."""
        return self.device.record.flashes

    @property
    def is_connected(self) -> bool:
        """Whether a session is open."""
        return bool(self._session)

    def at(self, hook: str, callback: Callable[[], object]) -> None:
        """Call ``callback`` whenever the device passes a hook of the fleet."""
        self._callbacks[hook] = callback

    def connect(self) -> None:
        """Open a session; raises `OSError` when the device is not reachable."""
        if self.is_connected:
            return
        if not self.reachable:
            raise OSError(f"Unable to connect to {ADDRESS}")
        self.device.record.connects += 1
        self._session = self.device.record.login()
        self._greeted = False

    def disconnect(self) -> None:
        """Close the session, if one is open."""
        if self._session:
            self.device.record.logout(self._session)
        self._session = 0

    def exec_command(
        self,
        command: str,
        timeout: float = 30,
        exit_codes: Sequence[int] = (0,),
        raise_unexpected_exit: bool = True,
    ) -> tuple[str, int]:
        """Run ``command``; arguments, result and exceptions of the connector."""
        self._require_session()
        device = self.device
        record = device.record.command(command, self._session, device.boot_id)
        self._greet()
        result = self._drive(command, timeout)
        if result is None:
            return "", -1
        record.code = result.code
        if result.code not in exit_codes and raise_unexpected_exit:
            text = result.err or result.out or f"Unexpected exit code: {result.code}"
            raise CommandFailedException(text)
        output = result.out
        if result.err and not output.endswith("\n"):
            output += "\n"
        return output + result.err, result.code

    def upload(self, fl: BinaryIO, remote_path: str) -> None:
        """Receive a file as the connector's SCP would.

        Raises what SCP raises under the upload faults.
        """
        self._require_session()
        self._greet()
        size = fl.seek(0, 2)
        fl.seek(0)
        sink = ScpSink(self.device, remote_path, self._session)
        name = posixpath.basename(remote_path)
        self._send(sink, f"C0644 {size} {name}\n".encode("utf-8", "surrogateescape"))
        half_done = False
        while data := fl.read(BUFFER):
            self._send(sink, data)
            if sink.half_received and not half_done:
                half_done = True
                self._middle_of_upload(sink)
        self._send(sink, b"\0")
        self._end_of_upload()

    def finish_reboot(self) -> None:
        """Bring the device back after a flash, or after it was unreachable."""
        self.device.boot()
        self.reachable = True

    def connection(self, device: DeviceRow | None = None) -> FakeConnection:
        """Return a connection object around this connector."""
        return FakeConnection(self, device)

    def _require_session(self) -> None:
        if not self.is_connected:
            raise paramiko.SSHException("SSH session not active")

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            verifying = self.device.awaits_verification
            self._pass("verify_connected" if verifying else "before_first_command")

    def _pass(self, hook: str) -> None:
        if hook in self._callbacks:
            self._callbacks[hook]()

    def _drive(self, command: str, timeout: float) -> Result | None:
        running = self.device.run(command)
        flashed = False
        try:
            effect = next(running)
            while True:
                self._perform(effect, timeout)
                flashed = flashed or isinstance(effect, Flash)
                effect = running.send(None)
        except StopIteration as end:
            if flashed and self.device.answer == "eof":
                return None
            return end.value

    def _perform(self, effect: Effect, timeout: float) -> None:
        if isinstance(effect, Hook):
            self._pass(effect.name)
        elif isinstance(effect, Hang):
            raise CommandTimeoutException(f"Command timed out after {timeout} seconds.")
        elif isinstance(effect, Flash):
            self._flash(effect, timeout)
        elif isinstance(effect, Reboot):
            self.disconnect()
            self.device.boot()

    def _flash(self, flash: Flash, timeout: float) -> None:
        self.device.accept_flash(flash)
        self._pass("flash_received_not_answered")
        self.disconnect()
        self.reachable = False
        if self.auto_reboot and self.device.flash_fault != "never_back":
            self.finish_reboot()
        if self.device.flash_fault == "silent":
            raise CommandTimeoutException(f"Command timed out after {timeout} seconds.")

    def _send(self, sink: ScpSink, data: bytes) -> None:
        sink.feed(data)
        if sink.failed:
            text = bytes(sink.answers).decode("utf-8", "surrogateescape")
            raise scp.SCPException(text.lstrip("\0\x01").strip())
        sink.answers.clear()

    def _middle_of_upload(self, sink: ScpSink) -> None:
        self._pass("mid_upload")
        fault = self.device.upload_fault
        if fault not in ("dropped_once", "silent_once"):
            return
        self.device.upload_fault = ""
        sink.close()
        self.disconnect()
        if fault == "silent_once":
            raise TimeoutError("timed out")
        raise ConnectionResetError("Connection reset by peer")

    def _end_of_upload(self) -> None:
        fault = self.device.upload_fault
        if fault == "unconfirmed":
            raise scp.SCPException("Timeout waiting for scp response")
        if fault == "never_exits":
            # what a blocked call raises when somebody else cuts the connection
            self.disconnect()
            raise EOFError


class FakeConnection:
    """What upgraders use of openwisp-controller's ``DeviceConnection``.

    Without a database; `FakeDevice.connection` makes one.
    """

    def __init__(self, connector: FakeDevice, device: DeviceRow | None = None) -> None:
        self.connector_instance = connector
        self.device = device
        self.credentials = None
        self.is_working: bool | None = None
        self.failure_reason = ""

    def connect(self) -> bool:
        """Connect without raising: True, or False with ``failure_reason``."""
        try:
            self.connector_instance.connect()
        except OSError as error:
            self.is_working, self.failure_reason = False, str(error)
        else:
            self.is_working, self.failure_reason = True, ""
        return self.is_working

    def disconnect(self) -> None:
        """Close the session."""
        self.connector_instance.disconnect()

    def get_addresses(self) -> list[str]:
        """Return the addresses of the device."""
        return list(self.connector_instance.addresses)
