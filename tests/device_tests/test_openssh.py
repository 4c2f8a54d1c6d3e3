"""The same upgrade against OpenSSH's sshd, and the algorithms of old OpenWrt."""

from __future__ import annotations

import os
import uuid

import pytest
from stack.openssh_device import OpenSshDevice
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import release_of

from .test_dropbear import free_port

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root rights"),
]

OLD_CIPHERS = {
    "Ciphers": "aes128-ctr,aes256-ctr,3des-cbc",
    "MACs": "hmac-sha1,hmac-md5",
}
OLD_KEX = "diffie-hellman-group1-sha1"
# dropbear 2014.63 and 2015.67
NEWER_KEX = (
    "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
    "diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"
)
# release -> (key type, algorithms, what paramiko misses)
TOO_OLD = {
    "12.09": (
        "rsa",
        {**OLD_CIPHERS, "KexAlgorithms": OLD_KEX, "HostKeyAlgorithms": "ssh-rsa"},
        "no acceptable kex algorithm",
    ),
    "14.07": (
        "rsa",
        {**OLD_CIPHERS, "KexAlgorithms": NEWER_KEX, "HostKeyAlgorithms": "ssh-rsa"},
        "no acceptable host key",
    ),
    "15.05": (
        "rsa",
        {
            "Ciphers": OLD_CIPHERS["Ciphers"],
            "MACs": "hmac-sha1,hmac-sha2-256,hmac-md5",
            "KexAlgorithms": NEWER_KEX,
            "HostKeyAlgorithms": "ssh-rsa",
        },
        "no acceptable host key",
    ),
}
SPOKEN = {
    "of today": ("ed25519", {}),
    "15.05 with an ECDSA key": (
        "ecdsa",
        {
            **OLD_CIPHERS,
            "KexAlgorithms": NEWER_KEX,
            "HostKeyAlgorithms": "ecdsa-sha2-nistp256",
        },
    ),
}


@pytest.fixture(scope="module")
def worker(project):
    project.worker(slots=2)
    yield
    project.stop_workers()


def upgrade(name, key_type, algorithms):
    """Upgrades one device; returns (operation, firmware, what the device says)."""
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("OpenSSH"), name=name)
    owner = firmware.category.organization
    key, port = uuid.uuid4(), free_port()
    before, after = release_of(*inventory.OLD), release_of(*inventory.NEW)
    there = OpenSshDevice(
        key, port, before, after, key_type=key_type, algorithms=algorithms
    )
    try:
        device = inventory.device(owner, key, "127.0.0.1", name)
        inventory.connect(device, inventory.credentials(owner, port))
        inventory.pair(device, firmware.old)
        operation = inventory.start(device, firmware.new)
        rows = type(operation).objects.filter(pk=operation.pk)
        wait_for(rows.exclude(status="in-progress").exists, "its end", 60)
        said = {
            "flashes": there.flashes,
            "release": there.release,
            "tmp": there.tmp,
            "marker": there.marker,
            "log": there.log(),
        }
    finally:
        there.stop()
    return rows.get(), firmware, said


@pytest.mark.parametrize("era", SPOKEN)
def test_upgrade(worker, era):
    operation, firmware, said = upgrade(era, *SPOKEN[era])
    assert operation.status == "success", f"{operation.log}\n{said['log']}"
    assert said["flashes"] == [firmware.new.checksum]
    assert said["release"] == firmware.new_build.os
    assert said["marker"] == firmware.new.checksum
    assert said["tmp"] == []


@pytest.mark.parametrize("era", TOO_OLD)
def test_algorithms_that_are_too_old_end_with_a_clear_line(worker, era):
    key_type, algorithms, missing = TOO_OLD[era]
    operation, _firmware, said = upgrade(era, key_type, algorithms)
    assert operation.status == "aborted", f"{operation.log}\n{said['log']}"
    assert missing in operation.log
    assert "too old for this server, nothing was changed" in operation.log
    # no retry: another attempt would find the same algorithms
    assert operation.runs == 1
    assert said["flashes"] == []
