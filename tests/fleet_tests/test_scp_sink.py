"""Files while they are being received, as on a real device."""

from __future__ import annotations

from openwisp_firmware_upgrader.testing.device import Device
from openwisp_firmware_upgrader.testing.scp_sink import ScpSink

PATH = "/tmp/image.bin"
HALF = b"x" * 5000


def receive(device):
    """Returns a sink that has got half of a file."""
    sink = ScpSink(device, PATH, 1)
    sink.feed(b"C0644 10000 image.bin\n")
    sink.feed(HALF)
    return sink


def test_file_is_there_from_the_first_byte():
    device = Device()
    receive(device)
    assert PATH in device.files.tmp_files


def test_file_removed_meanwhile_does_not_come_back():
    device = Device()
    sink = receive(device)
    device.files.remove(PATH)
    sink.feed(HALF + b"\0")
    sink.close()
    assert device.files.tmp_files == {}
    assert device.record.uploads[0].size == 10000


def test_half_of_a_file_stays_when_the_client_leaves():
    device = Device()
    receive(device).close()
    assert device.files.tmp_files == {PATH: 5000}
    assert not device.record.uploads[0].complete


def test_what_is_left_of_an_upload_takes_nothing_from_a_later_one():
    """Chaos seed 91031: a worker that was stopped let go of its half later."""
    device = Device()
    left = receive(device)
    later = receive(device)
    later.feed(HALF + b"\0")
    left.close()
    assert device.files.tmp_files == {PATH: 10000}
