from __future__ import annotations

import json
import struct
import zlib

import pytest

from openwisp_firmware_upgrader.testing import make_image, make_metadata, write_image
from openwisp_firmware_upgrader.testing.blobs import TAIL_SIZE, Blob, BlobWriter
from openwisp_firmware_upgrader.testing.images import read_metadata


def test_trailer_has_the_layout_of_fwtool():
    image = make_image(10_000, version="2.0", revision="r2")
    magic, crc, kind, size = struct.unpack(">4sIB3xI", image[-16:])
    assert (magic, kind) == (b"FWx0", 1)
    assert crc == zlib.crc32(image[:-16]) ^ 0xFFFFFFFF
    assert image[-size:][:8] == bytes(8)
    assert json.loads(image[-size + 8 : -16])["version"]["revision"] == "r2"
    assert len(image) == 10_000


def test_a_seed_makes_an_image_reproducible():
    assert make_image(seed=1) == make_image(seed=1)
    assert make_image() != make_image()


@pytest.mark.parametrize("size", [1000, TAIL_SIZE, 3 * TAIL_SIZE + 17])
def test_metadata_are_found_with_the_tail_alone(size):
    image = make_image(size)
    writer = BlobWriter()
    for start in range(0, size, 777):
        writer.feed(image[start : start + 777])
    assert writer.blob() == Blob.of(image)
    assert read_metadata(writer.blob()) == make_metadata()


def test_metadata_before_a_signature_are_found():
    image = make_image(5000)
    signature = b"x" * 100
    head = image + signature
    crc = zlib.crc32(head) ^ 0xFFFFFFFF
    signed = head + struct.pack(">4sIB3xI", b"FWx0", crc, 0, len(signature) + 16)
    assert read_metadata(Blob.of(signed)) == make_metadata()


@pytest.mark.parametrize(
    "damage",
    [
        lambda image: image[: len(image) * 3 // 4],
        lambda image: b"?" + image[1:],
        lambda image: image[:-1],
        lambda image: b"",
    ],
    ids=["truncated", "changed", "short", "empty"],
)
def test_a_damaged_image_has_no_metadata(damage):
    assert read_metadata(Blob.of(damage(make_image(200_000)))) is None


def test_compat_version_moves_the_boards():
    metadata = make_metadata(compat_version="1.1")
    assert metadata["new_supported_devices"] == ["tplink,tl-wdr4300-v1"]
    assert "Image version mismatch" in metadata["supported_devices"][0]


def test_write_image_streams_the_same(tmp_path):
    path = write_image(tmp_path / "image.bin", 1_000_000, seed=3)
    with open(path, "rb") as written:
        assert written.read() == make_image(1_000_000, seed=3)


def test_metadata_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="too few"):
        make_image(10)
