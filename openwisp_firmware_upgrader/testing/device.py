"""A simulated OpenWrt device: what it is, what it runs, what it remembers.

No network here. The shell, the commands and `sysupgrade` work on this object;
`FakeDevice` puts it behind method calls, the fleet behind SSH.
"""

from __future__ import annotations

import time
import uuid as uuids
from dataclasses import dataclass, field
from typing import Any

from . import commands
from .blobs import Blob
from .effects import Flash, Running
from .faults import fault_named
from .filesystem import FileSystem, Provided
from .images import DEFAULT_BOARD, DEFAULT_TARGET, read_metadata, release_of
from .records import FlashRecord, Record
from .shell import Command, Shell

MARKER = "/etc/openwisp/firmware_checksum"
DEFAULT_RELEASE = "OpenWrt 23.05.3 r23809-234f1a2efa"
SERVICES = (
    *("uhttpd", "dnsmasq", "openwisp-config", "openwisp-monitoring"),
    *("cron", "rpcd", "odhcpd", "log"),
)
OCCUPIED_TMP_LEAVES = 16 * 1024


@dataclass
class Device:
    """State and behaviour of one device; every attribute may be set by tests.

    :param uuid: what ``uci get openwisp.http.uuid`` says, unless
        ``reports_uuid`` says otherwise
    :param model: human name of the hardware
    :param board_name: first entry of /tmp/sysinfo/board_name
    :param release: ``release.description`` of ``ubus call system board``
    :param next_release: release after a flash, whatever the image carries
    :param mem_available_kib: MemAvailable with all services running, /tmp empty
    :param service_memory_kib: what each stopped service gives back, in KiB
    :param tmp_size_kib: size of the tmpfs /tmp in KiB
    :param tmp_occupied: /tmp is full but for 16 KiB
    :param has_mem_available: False on old kernels, which only tell MemFree
    :param boot_id_readable: False on systems without a readable boot id
    :param overlay: whether /overlay/upper/etc exists, which ``-c`` needs
    :param wifi_command: whether /sbin/wifi exists
    :param require_metadata: refuse images without metadata
    :param boot_time: seconds from the end of the flash to the first answer
    :param link_rate: bytes per second an upload gets, None = no limit
    :param link_delay: seconds each command waits for its way there and back
    :param link_down_time: seconds a link stays dead in link_down_in_upload
    :param era: ``19.07``, ``21.02`` or ``25.12``; which options sysupgrade knows
        and the shape of its last message (openwrt.md 4.6), or ``backfire``
    :param answer: end of the flash command: ``exit10`` or ``eof``
    :param reports_uuid: what the device claims to be, blank = no UUID known
    :param keeps_identity: a flash with ``-n`` does not blank the UUID
    :param output_fault: how commands misbehave over SSH, see `fleet.output_faults`
    :param output_fault_in: part of the commands that do, blank = all of them
    :param greeting_fault: how it misbehaves before the log-in is done, see
        `fleet.greeting_faults`
    :param missing_commands: names the shell does not find
    """

    uuid: str = ""
    model: str = "TP-Link TL-WDR4300 v1"
    board_name: str = DEFAULT_BOARD
    release: str = DEFAULT_RELEASE
    next_release: str | None = None
    target: str = DEFAULT_TARGET
    kernel: str = "5.15.150"
    hostname: str = "OpenWrt"
    compat_version: str = "1.0"
    reports_uuid: str | None = None
    mem_total_kib: int = 125_000
    mem_available_kib: int = 66_984
    has_mem_available: bool = True
    service_memory_kib: int = 512
    tmp_size_kib: int = 62_500
    tmp_occupied: bool = False
    overlay: bool = True
    wifi_command: bool = True
    boot_id_readable: bool = True
    boot_time: float = 2.0
    link_rate: int | None = None
    link_delay: float = 0.0
    link_down_time: float = 30.0
    era: str = "21.02"
    answer: str = "exit10"
    keeps_identity: bool = False
    require_metadata: bool = False
    refuses_test: bool = False
    upload_fault: str = ""
    flash_fault: str = ""
    output_fault: str = ""
    output_fault_in: str = ""
    greeting_fault: str = ""
    missing_commands: tuple[str, ...] = ()
    fault: str = "none"
    service_names: tuple[str, ...] = SERVICES
    record: Record = field(default_factory=Record, repr=False)

    def __post_init__(self) -> None:
        self.uuid = str(self.uuid or uuids.uuid4())
        self.settings: dict[str, str] = {}
        self._before_fault: dict[str, Any] = {}
        self.boots = 0
        self.pending: Flash | None = None
        self.flashed: str | None = None
        self.files = FileSystem(
            self.provided_files, lambda: self.tmp_limit, lambda: self.overlay
        )
        self.set_fault(self.fault)
        self.boot()

    def set_fault(self, name: str) -> None:
        """Give the device the fault ``name``, instead of the one it had.

        Raises `ValueError` for an unknown name.
        """
        spec = fault_named(name)
        for attribute, value in self._before_fault.items():
            setattr(self, attribute, value)
        self._before_fault = {n: getattr(self, n) for n in spec.attributes}
        self.fault = name
        for attribute, value in spec.attributes.items():
            setattr(self, attribute, value)

    def configure(self, **attributes: Any) -> None:
        """Set attributes by name; raises `AttributeError` for unknown ones."""
        if "fault" in attributes:
            self.set_fault(attributes.pop("fault"))
        for name, value in attributes.items():
            if name == "marker":
                self.files.write(MARKER, Blob.of(f"{value}\n".encode()))
            elif name in _FIELDS:
                setattr(self, name, str(value) if name == "uuid" else value)
            else:
                raise AttributeError(f"devices have no attribute {name!r}")

    def run(self, script: str) -> Running:
        """Execute ``script`` in a new shell; a generator of effects."""
        return Shell(self).run(script)

    def find_command(self, name: str) -> Command | None:
        """Return what ``name`` runs, None when the shell does not find it."""
        return commands.find(self, name)

    def provided_files(self) -> Provided:
        """The files of the running firmware: path to a function that reads."""
        return commands.provided(self)

    @property
    def marker(self) -> str | None:
        """The checksum in the marker file, None without a file."""
        blob = self.files.files.get(MARKER)
        return None if blob is None else blob.text.strip()

    @property
    def awaits_verification(self) -> bool:
        """Whether the device was flashed and the marker not yet written."""
        return self.flashed is not None and self.flashed != self.marker

    @property
    def tmp_limit(self) -> int:
        """Bytes that files below /tmp may take."""
        return OCCUPIED_TMP_LEAVES if self.tmp_occupied else self.tmp_size_kib * 1024

    @property
    def available_kib(self) -> int:
        """MemAvailable of this moment, in KiB."""
        stopped = sum(not running for running in self.services.values())
        used = sum(self.files.tmp_files.values()) // 1024
        return max(0, self.mem_available_kib + stopped * self.service_memory_kib - used)

    def accept_flash(self, flash: Flash) -> None:
        """Note that the image was accepted; `boot` brings it to life."""
        self.record.flashes.append(
            FlashRecord(
                time.time(),
                flash.command,
                flash.image.sha256,
                flash.image.size,
                self.boot_id,
            )
        )
        self.pending = flash

    def boot(self) -> None:
        """Start: new boot id, empty /tmp, services running, the new firmware."""
        if self.pending is not None:
            self._install(self.pending)
            self.pending = None
        self.boot_id = str(uuids.uuid4())
        self.boots += 1
        self.booted_at = time.monotonic()
        self.services = dict.fromkeys(self.service_names, True)
        self.wifi_up = True
        self.files.clear_tmp()

    def _install(self, flash: Flash) -> None:
        self.flashed = flash.image.sha256
        if self.flash_fault == "old_firmware":
            return
        metadata = read_metadata(flash.image) or {}
        version = metadata.get("version") or {}
        described = version.get("description") or release_of(
            version.get("version", ""),
            version.get("revision", ""),
            version.get("dist", "OpenWrt"),
        )
        if version or self.next_release:
            self.release = self.next_release or described
        self.target = version.get("target") or self.target
        self.compat_version = metadata.get("compat_version") or self.compat_version
        if not flash.keep_settings:
            self.files.clear_etc()
            self.settings.clear()
            if not self.keeps_identity:
                self.reports_uuid = ""


_FIELDS = {name for name in Device.__dataclass_fields__ if name != "record"}
