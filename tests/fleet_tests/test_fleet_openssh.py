"""The fleet against the client of OpenSSH, which one upgrader calls."""

from __future__ import annotations

import shutil
import subprocess

import paramiko
import pytest

from openwisp_firmware_upgrader.testing import write_image
from openwisp_firmware_upgrader.testing.fleet import Fleet

pytestmark = pytest.mark.skipif(
    not (shutil.which("ssh") and shutil.which("scp")), reason="needs ssh and scp"
)


@pytest.fixture(scope="module")
def openssh(tmp_path_factory):
    """A device and a function that runs ssh or scp with its key."""
    folder = tmp_path_factory.mktemp("key")
    key = paramiko.RSAKey.generate(2048)
    key.write_private_key_file(str(folder / "id"))
    with Fleet(keys=(f"ssh-rsa {key.get_base64()}",)) as fleet:
        report = fleet.device(0)

        def call(program, port_option, *arguments):
            options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
            options += ["IdentitiesOnly=yes", "BatchMode=yes", "LogLevel=ERROR"]
            command = [program, port_option, str(report.port), "-i", folder / "id"]
            for option in options:
                command += ["-o", option]
            command += [a.format(host=f"root@{report.address}") for a in arguments]
            return subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=20
            )

        yield fleet, call


def test_ssh(openssh):
    _, call = openssh
    done = call("ssh", "-p", "{host}", "-T", "export PATH=/bin:/sbin; echo in; exit 3")
    assert (done.returncode, done.stdout) == (3, "in\n")


def test_legacy_scp_works_and_sftp_does_not(openssh, tmp_path):
    fleet, call = openssh
    image = write_image(tmp_path / "image.bin", 100_000)
    done = call("scp", "-P", "-O", image, "{host}:/tmp/")
    assert done.returncode == 0, done.stderr
    assert fleet.device(0).tmp == {"/tmp/image.bin": 100_000}
    assert call("scp", "-P", "-s", image, "{host}:/tmp/").returncode != 0
