"""The same device behind OpenSSH's sshd, with the algorithms of any era."""

from __future__ import annotations

import subprocess

from .dropbear_device import DropbearDevice
from .processes import find_program

CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey /etc/ssh/key
PermitRootLogin yes
PasswordAuthentication yes
UsePAM no
UseDNS no
StrictModes no
PidFile none
"""


class OpenSshDevice(DropbearDevice):
    """The device; end it with ``stop``.

    Arguments:
        key_type: of the host key, as ``ssh-keygen -t`` takes it.
        algorithms: further lines of sshd_config by keyword.
    """

    server = "sshd"

    def __init__(self, *args, key_type: str = "ed25519", algorithms=None) -> None:
        self.key_type = key_type
        self.algorithms = algorithms or {}
        super().__init__(*args)

    def _set_up_server(self) -> None:
        for name in ("etc/ssh", "run/sshd", "var/empty"):
            (self.root / name).mkdir(parents=True)
        key = str(self.root / "etc/ssh/key")
        command = [find_program("ssh-keygen"), "-q", "-t", self.key_type, "-N", ""]
        subprocess.run([*command, "-f", key], check=True)
        lines = [f"{name} {value}\n" for name, value in self.algorithms.items()]
        text = CONFIG.format(port=self.port) + "".join(lines)
        (self.root / "etc/ssh/sshd_config").write_text(text)

    def _server_command(self) -> list[str]:
        return ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config"]
