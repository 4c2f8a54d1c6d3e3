"""Small valid firmware images, and how a device reads their metadata.

The layout is fwtool's: payload, JSON block, INFO trailer (openwrt.md 4.1); the
JSON is what OpenWrt's build system writes (openwrt.md 4.2).
"""

from __future__ import annotations

import json
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .blobs import CRC_MASK, Blob

MAGIC = 0x46577830
TRAILER = struct.Struct(">IIB3xI")
HEADER = struct.Struct(">II")
TYPE_SIGNATURE, TYPE_INFO = 0, 1
METADATA_MAXLEN = 30 * 1024
DEFAULT_BOARD = "tplink,tl-wdr4300-v1"
DEFAULT_TARGET = "ath79/generic"
CHUNK = 256 * 1024


def release_of(version: str, revision: str, dist: str = "OpenWrt") -> str:
    """Return the ``release.description`` of a system.

    It is the string agents report as ``Device.os`` and builds carry as
    ``Build.os``, e.g. ``"OpenWrt 23.05.3 r23809-234f1a2efa"``
    (openwrt.md 4.8).
    """
    return " ".join(part for part in (dist, version, revision) if part)


def make_metadata(
    supported_devices: Sequence[str] = (DEFAULT_BOARD,),
    version: str = "2.0",
    revision: str = "r2",
    *,
    target: str = DEFAULT_TARGET,
    board: str | None = None,
    compat_version: str = "1.0",
    compat_message: str | None = None,
    dist: str = "OpenWrt",
) -> dict[str, Any]:
    """Return the metadata of an image as OpenWrt's build writes them.

    From ``compat_version`` 1.1 on, the list of boards moves to
    ``new_supported_devices`` and ``supported_devices`` holds a sentence, so
    that old systems refuse (openwrt.md 4.2).
    """
    metadata: dict[str, Any] = {
        "metadata_version": "1.1",
        "compat_version": compat_version,
        "version": {
            "dist": dist,
            "version": version,
            "revision": revision,
            "target": target,
            "board": board or supported_devices[0].replace(",", "_"),
        },
    }
    if compat_message:
        metadata["compat_message"] = compat_message
    if compat_version == "1.0":
        metadata["supported_devices"] = list(supported_devices)
    else:
        metadata["new_supported_devices"] = list(supported_devices)
        metadata["supported_devices"] = [
            f"{supported_devices[0]} - Image version mismatch: image "
            f"{compat_version}, device 1.0. Please wipe config during upgrade "
            f"(force required) or reinstall."
        ]
    return metadata


def image_chunks(
    size: int, metadata: dict[str, Any] | None, seed: int | None = None
) -> Iterator[bytes]:
    """Yield an image of exactly ``size`` bytes piece by piece.

    ``seed`` makes the payload reproducible; without it every image differs.
    ``metadata`` None leaves the trailer out.

    Raises `ValueError` when the metadata do not fit into ``size``.
    """
    block = b"" if metadata is None else _json_block(metadata)
    payload = size - len(block) - (TRAILER.size if block else 0)
    if payload < 0:
        raise ValueError(f"{size} bytes are too few for the metadata")
    randbytes = os.urandom if seed is None else _seeded(seed)
    crc = 0
    while payload:
        chunk = randbytes(min(payload, CHUNK))
        payload -= len(chunk)
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if block:
        crc = zlib.crc32(block, crc) ^ CRC_MASK
        yield block + TRAILER.pack(MAGIC, crc, TYPE_INFO, len(block) + TRAILER.size)


def make_image(
    size: int = 64 * 1024,
    *,
    metadata: bool | dict[str, Any] = True,
    seed: int | None = None,
    **fields: object,
) -> bytes:
    """Return a small valid image: random payload plus correct fwtool trailer.

    ``size`` is the size of the whole image in bytes. ``metadata`` True builds
    them from ``fields`` (see `make_metadata`), False leaves them out, a dict is
    taken as it is.
    """
    return b"".join(image_chunks(size, _resolve(metadata, fields), seed))


def write_image(
    path: str | os.PathLike[str],
    size: int = 64 * 1024,
    *,
    metadata: bool | dict[str, Any] = True,
    seed: int | None = None,
    **fields: object,
) -> str:
    """Write an image to ``path`` in pieces, for sizes not fit for memory.

    Arguments as for `make_image`. Returns ``path`` as a string.
    """
    with open(path, "wb") as target:
        for chunk in image_chunks(size, _resolve(metadata, fields), seed):
            target.write(chunk)
    return os.fspath(path)


def read_metadata(blob: Blob) -> dict[str, Any] | None:
    """Return the metadata a device finds in an uploaded file.

    None when there are none, when the CRC is wrong or the JSON is broken: what
    ``fwtool -i`` cannot extract does not exist for the device (openwrt.md 4.1).
    """
    end = blob.size
    while True:
        kind, data, end = _last_block(blob, end)
        if kind is None:
            return None
        if kind == TYPE_INFO:
            return _load(data[HEADER.size :])


def _last_block(blob: Blob, end: int) -> tuple[int | None, bytes, int]:
    raw = blob.tail_slice(end - TRAILER.size, end)
    if raw is None:
        return None, b"", end
    magic, crc, kind, size = TRAILER.unpack(raw)
    start = end - size
    if magic != MAGIC or crc != blob.crc_before(end - TRAILER.size):
        return None, b"", end
    data = blob.tail_slice(start, end - TRAILER.size)
    if data is None or size > METADATA_MAXLEN + TRAILER.size:
        return None, b"", end
    return kind, data, start


def _load(data: bytes) -> dict[str, Any] | None:
    try:
        metadata = json.loads(data)
    except ValueError:
        return None
    return metadata if isinstance(metadata, dict) else None


def _json_block(metadata: dict[str, Any]) -> bytes:
    return HEADER.pack(0, 0) + json.dumps(metadata).encode()


def _seeded(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes  # noqa: S311  (payload of a test image)


def _resolve(
    metadata: bool | dict[str, Any], fields: dict[str, Any]
) -> dict[str, Any] | None:
    if isinstance(metadata, dict):
        return metadata
    return make_metadata(**fields) if metadata else None
