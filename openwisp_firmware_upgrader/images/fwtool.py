"""The metadata that OpenWrt appends to its images (openwrt.md 4.1 and 4.2)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from ..foreign_text import parse_json

MAGIC = 0x46577830
TRAILER = struct.Struct(">IIB3xI")
SIGNATURE, INFO = 0, 1
HEADER_SIZE = 8
METADATA_MAX = 30 * 1024
SIGNATURE_MAX = 1024
PIECE = 64 * 1024


def crc32_of(pieces: Iterable[bytes]) -> int:
    """Returns fwtool's CRC: the usual polynomial, without the final inversion."""
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    return crc ^ 0xFFFFFFFF


def read_metadata(image: BinaryIO, *, check: bool = False) -> dict[str, Any] | None:
    """Returns the metadata of an image, None when it has none.

    Arguments:
        image: a seekable binary file; rewound afterwards.
        check: whether to verify the CRC, which reads the whole image.
    """
    try:
        return _read(image, check)
    except (ValueError, struct.error):
        return None
    finally:
        image.seek(0)


def _read(image: BinaryIO, check: bool) -> dict[str, Any] | None:
    end = image.seek(0, os.SEEK_END)
    # at most a signature and the metadata hang at the end
    for _block in range(2):
        kind, size, crc = _trailer(image, end)
        if check and crc32_of(_pieces(image, end - TRAILER.size)) != crc:
            return None
        if kind == INFO:
            return _metadata(image, end, size)
        end -= size
    return None


def _trailer(image: BinaryIO, end: int) -> tuple[int, int, int]:
    if end < TRAILER.size:
        raise ValueError("too short for a trailer")
    image.seek(end - TRAILER.size)
    magic, crc, kind, size = TRAILER.unpack(image.read(TRAILER.size))
    limit = METADATA_MAX if kind == INFO else SIGNATURE_MAX
    known = magic == MAGIC and kind in (INFO, SIGNATURE)
    if not known or not TRAILER.size <= size <= min(end, limit + 64):
        raise ValueError("no trailer of fwtool")
    return kind, size, crc


def _metadata(image: BinaryIO, end: int, size: int) -> dict[str, Any] | None:
    image.seek(end - size + HEADER_SIZE)
    text = image.read(size - HEADER_SIZE - TRAILER.size)
    found = parse_json(text.rstrip(b"\0"))
    return found if isinstance(found, dict) else None


def _pieces(image: BinaryIO, length: int) -> Iterator[bytes]:
    image.seek(0)
    while length > 0:
        piece = image.read(min(PIECE, length))
        if not piece:
            return
        length -= len(piece)
        yield piece
