"""One device behind Debian's dropbear: a busybox root in a chroot.

Needs root rights. Nothing is mounted, ``/proc`` holds plain files.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path

from .processes import Process, descendants, find_program

BOOT = 2
NODES = {"null": (1, 3), "zero": (1, 5), "urandom": (1, 9), "random": (1, 8)}
FOLDERS = "bin sbin usr/bin usr/sbin etc/dropbear etc/init.d etc/openwisp dev root tmp"
FOLDERS += " overlay/upper/etc proc/sys/kernel/random proc/sys/vm"

MEMINFO = """MemTotal:         250000 kB
MemFree:          180000 kB
MemAvailable:     200000 kB
"""

# the second one is whom OpenSSH's sshd becomes before anybody has logged in
PASSWD = """root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/bin/false
"""

UCI = """#!/bin/sh
[ "$*" = "get openwisp.http.uuid" ] && exec cat /etc/uuid
echo "uci: Entry not found" >&2
exit 1
"""

UBUS = """#!/bin/sh
[ "$*" = "call system board" ] || exit 4
release=$(cat /etc/release)
printf '{"model":"chroot","board_name":"chroot","release":{"description":"%s"}}\\n' \\
  "$release"
"""

SYSUPGRADE = """#!/bin/sh
test=
for word; do
  case "$word" in
    --test|-T) test=1 ;;
    -*) ;;
    *) image=$word ;;
  esac
done
if ! tail -c 16 "$image" | head -c 4 | grep -q FWx0; then
  echo "Invalid image type."
  echo "Image check failed."
  exit 1
fi
[ -z "$test" ] || exit 0
sha256sum "$image" >> /flashes
echo "Commencing upgrade. Closing all shell sessions."
touch /reboot
sleep 20
"""


class DropbearDevice:
    """The device; end it with ``stop``.

    Arguments:
        device_uuid: what ``uci get openwisp.http.uuid`` says.
        port: of loopback.
        release: before the flash.
        next_release: after it.
    """

    #: the SSH server, taken from the machine
    server = "dropbear"

    def __init__(self, device_uuid, port: int, release: str, next_release: str) -> None:
        self.port = port
        self.next_release = next_release
        self.folder = Path(tempfile.mkdtemp(prefix="fwdb", dir="/tmp"))
        self.root = self.folder / "root"
        self._stopped = threading.Event()
        self._build(str(device_uuid), release)
        self._boot()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _build(self, device_uuid: str, release: str) -> None:
        for name in FOLDERS.split():
            (self.root / name).mkdir(parents=True)
        # programs of the chroot run as root, whose files others need not write
        self.folder.chmod(0o755)
        for name, (major, minor) in NODES.items():
            device = os.makedev(major, minor)
            os.mknod(self.root / "dev" / name, 0o20666, device)
        self._install_busybox()
        for name in ("scp", self.server):
            self._copy(find_program(name, "/usr/sbin", "/usr/bin"))
        files = {
            "etc/passwd": PASSWD,
            "etc/group": "root:x:0:\n",
            "etc/shells": "/bin/sh\n",
            "etc/shadow": f"root:{self._hash()}:19000:0:99999:7:::\n",
            "etc/uuid": f"{device_uuid}\n",
            "etc/release": release,
            "proc/meminfo": MEMINFO,
            "proc/mounts": "tmpfs /tmp tmpfs rw 0 0\n",
            "proc/sys/vm/drop_caches": "",
            "flashes": "",
        }
        for name, text in files.items():
            (self.root / name).write_text(text)
        for name, text in (("uci", UCI), ("ubus", UBUS), ("sysupgrade", SYSUPGRADE)):
            path = self.root / "sbin" / name
            path.write_text(text)
            path.chmod(0o755)
        self._renew_boot_id()
        self._set_up_server()

    def _set_up_server(self) -> None:
        """Writes what the server needs besides; dropbear needs nothing."""

    def _server_command(self) -> list[str]:
        command = ["/usr/sbin/dropbear", "-F", "-E", "-R"]
        return [*command, "-p", f"127.0.0.1:{self.port}"]

    def _install_busybox(self) -> None:
        shutil.copy(find_program("busybox"), self.root / "bin/busybox")
        command = ["chroot", str(self.root), "/bin/busybox", "--install", "-s", "/bin"]
        subprocess.run(command, check=True, capture_output=True)

    def _copy(self, program: str) -> None:
        """Copies a program with the libraries it is linked to."""
        shutil.copy(program, self.root / "usr/sbin")
        done = subprocess.run(
            ["ldd", program], capture_output=True, text=True, check=True
        )
        for library in re.findall(r"(/\S+)", done.stdout):
            target = self.root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)

    def _hash(self) -> str:
        # perl is part of every Debian, Python has lost its crypt module
        command = ["perl", "-e", 'print crypt("password", "\\$6\\$dropbear\\$")']
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _renew_boot_id(self) -> None:
        path = self.root / "proc/sys/kernel/random/boot_id"
        path.write_text(f"{uuid.uuid4()}\n")

    def _boot(self) -> None:
        command = ["chroot", str(self.root), *self._server_command()]
        self._process = Process(command, self.folder / "server.log")

    def _supervise(self) -> None:
        while not self._stopped.wait(0.1):
            if (self.root / "reboot").exists():
                self._reboot()

    def _reboot(self) -> None:
        self._kill()
        for path in (self.root / "tmp").iterdir():
            path.unlink()
        (self.root / "etc/release").write_text(self.next_release)
        (self.root / "reboot").unlink()
        self._renew_boot_id()
        if not self._stopped.wait(BOOT):
            self._boot()

    def _kill(self) -> None:
        # dropbear's children lead sessions of their own
        for pid in descendants(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()

    @property
    def flashes(self) -> list[str]:
        """The SHA-256 of each image that was flashed."""
        lines = (self.root / "flashes").read_text().splitlines()
        return [line.split()[0] for line in lines]

    @property
    def release(self) -> str:
        """What the device runs."""
        return (self.root / "etc/release").read_text()

    @property
    def tmp(self) -> list[str]:
        """What lies in /tmp."""
        return [path.name for path in (self.root / "tmp").iterdir()]

    @property
    def marker(self) -> str:
        """The checksum marker of the last upgrade."""
        path = self.root / "etc/openwisp/firmware_checksum"
        return path.read_text().strip() if path.exists() else ""

    def log(self) -> str:
        """What the server said."""
        return (self.folder / "server.log").read_text()

    def stop(self) -> None:
        """Ends the device and removes its files."""
        self._stopped.set()
        self._supervisor.join()
        self._kill()
        shutil.rmtree(self.folder, ignore_errors=True)
