from __future__ import annotations

import io
import json
import re

import pytest

from openwisp_firmware_upgrader.testing import FakeDevice, make_image

PATH = "/tmp/image.bin"
# the upgrader of 1.3.1 searches the last words of a device for this
FALSE_POSITIVE = (
    r'Command failed: ubus call system sysupgrade { "prefix": "\\/tmp\\/root", '
    r'"path": "[^"]*", ("backup": "\\/tmp\\/sysupgrade.tgz", )?'
    r'"command": "\\/lib\\/upgrade\\/do_stage2", '
    r'"options": { "save_partitions": 1[^}]*} } \(Connection failed\)\s*$'
)


def device_with(image, **attributes):
    fake = FakeDevice(**attributes)
    fake.connect()
    fake.upload(io.BytesIO(image), PATH)
    return fake


def sysupgrade(fake, flags):
    return fake.exec_command(
        f"/sbin/sysupgrade {flags} {PATH}", raise_unexpected_exit=False
    )


def test_a_fitting_image_passes_the_test():
    assert sysupgrade(device_with(make_image()), "--test") == ("", 0)


def test_an_image_for_another_board_is_refused_unless_forced():
    image = make_image(supported_devices=["ubnt,routerstation"])
    output, code = sysupgrade(device_with(image), "--test")
    assert code == 1
    assert "Device tplink,tl-wdr4300-v1 not supported by this image" in output
    assert "Supported devices: ubnt,routerstation" in output
    assert "Image check 'fwtool_check_image' failed" in output
    assert sysupgrade(device_with(image), "--test -F") == ("", 0)


def test_metadata_are_only_asked_for_where_the_platform_requires_them():
    image = make_image(metadata=False)
    assert sysupgrade(device_with(image), "--test") == ("", 0)
    output, code = sysupgrade(device_with(image, require_metadata=True), "--test")
    assert (code, "Image metadata not present" in output) == (1, True)


@pytest.mark.parametrize(
    ("image", "device", "flags", "code"),
    [
        ("1.1", "1.0", "", 1),
        ("1.1", "1.0", "-n", 0),
        ("1.1", "1.0", "--ignore-minor-compat-version", 0),
        ("1.1", "1.1", "", 0),
        ("2.0", "1.0", "", 1),
        ("2.0", "1.0", "-n", 1),
        ("2.0", "1.0", "-F", 0),
    ],
)
def test_compat_version(image, device, flags, code):
    fake = device_with(make_image(compat_version=image), compat_version=device)
    assert sysupgrade(fake, f"--test {flags}")[1] == code


def test_flash_installs_the_release_of_the_image():
    fake = device_with(make_image(version="24.10.0", revision="r28427"))
    before = fake.device.boot_id
    output, code = sysupgrade(fake, "-v -c")
    assert code == 10
    assert re.search(FALSE_POSITIVE, output)
    assert not fake.is_connected
    assert fake.device.release == "OpenWrt 24.10.0 r28427"
    assert fake.device.boot_id != before
    assert fake.flashes[0].boot_id == before
    assert fake.flashes[0].sha256 == fake.uploads[0].sha256


def test_flash_without_settings_blanks_the_identity():
    fake = device_with(make_image())
    fake.exec_command("echo abc > /etc/openwisp/firmware_checksum")
    output, _ = sysupgrade(fake, "-v -n")
    assert "sysupgrade.tgz" not in output
    fake.connect()
    assert fake.device.marker is None
    assert fake.exec_command("uci get openwisp.http.uuid", exit_codes=[1])[1] == 1


def test_flash_keeps_the_marker_otherwise():
    fake = device_with(make_image())
    fake.exec_command("echo abc > /etc/openwisp/firmware_checksum")
    sysupgrade(fake, "-v")
    assert fake.device.marker == "abc"


@pytest.mark.parametrize(
    ("era", "flag", "code"),
    [("19.07", "-o", 1), ("19.07", "-c", 10), ("21.02", "-o", 10), ("21.02", "-x", 1)],
)
def test_options_depend_on_the_release(era, flag, code):
    output, got = sysupgrade(device_with(make_image(), era=era), flag)
    assert got == code
    assert (f"Invalid option: {flag}" in output) == (code == 1)


def test_changed_files_cannot_be_kept_without_overlay():
    output, code = sysupgrade(device_with(make_image(), overlay=False), "-c")
    assert (code, "/overlay/upper/etc" in output) == (1, True)


def test_help_tells_whether_test_exists():
    for era, known in (("21.02", True), ("backfire", False)):
        fake = FakeDevice(era=era)
        fake.connect()
        output, _ = fake.exec_command("/sbin/sysupgrade --help", exit_codes=[1])
        assert "Usage:" in output
        assert ("--test" in output) is known


def test_the_last_message_of_newer_releases_has_more_keys():
    output, _ = sysupgrade(device_with(make_image(), era="25.12"), "-v")
    assert '"add_provisioning": 0' in output
    assert re.search(FALSE_POSITIVE, output)


def test_validation_over_ubus():
    fake = device_with(make_image(supported_devices=["other,board"]))
    message = json.dumps({"path": PATH})
    output, _ = fake.exec_command(
        f"ubus call system validate_firmware_image '{message}'"
    )
    answer = json.loads(output)
    assert (answer["valid"], answer["forceable"]) == (False, True)
    assert answer["tests"]["fwtool_device_match"] is False
