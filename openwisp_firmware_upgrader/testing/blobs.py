"""What the simulated file system keeps of a file.

A fleet of thousands of devices receives gigabytes, so the content of a large
file is hashed while it streams in and thrown away: size, SHA-256 and the last
64 KiB remain. That is enough for everything a device does with an image here,
because the fwtool trailer sits at the end (openwrt.md 4.1).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field

TAIL_SIZE = 64 * 1024
CRC_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Blob:
    """The content of one file on a simulated device.

    ``size`` is in bytes, ``sha256`` in hex digits, ``tail`` holds the last
    64 KiB (all of it when the file is smaller) and ``crc_before_tail`` the
    CRC-32 of what came before the tail.
    """

    size: int
    sha256: str
    tail: bytes = field(repr=False)
    crc_before_tail: int

    @classmethod
    def of(cls, content: bytes) -> Blob:
        """Return the blob of ``content``."""
        writer = BlobWriter()
        writer.feed(content)
        return writer.blob()

    @property
    def content(self) -> bytes | None:
        """The whole content in bytes, None when only the tail was kept."""
        return self.tail if len(self.tail) == self.size else None

    @property
    def text(self) -> str:
        """The content as text, empty when only the tail was kept."""
        return (self.content or b"").decode("utf-8", "surrogateescape")

    def crc_before(self, offset: int) -> int | None:
        """Return fwtool's CRC of the first ``offset`` bytes.

        fwtool leaves out the final xor of CRC-32 (openwrt.md 4.1). None when
        ``offset`` lies before the tail that was kept.
        """
        start = self.size - len(self.tail)
        if not start <= offset <= self.size:
            return None
        crc = zlib.crc32(self.tail[: offset - start], self.crc_before_tail)
        return crc ^ CRC_MASK

    def tail_slice(self, start: int, end: int) -> bytes | None:
        """Return the bytes from ``start`` to ``end``, None when not kept."""
        first = self.size - len(self.tail)
        if not first <= start <= end <= self.size:
            return None
        return self.tail[start - first : end - first]


class BlobWriter:
    """Builds a `Blob` from pieces without holding more than its tail."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._crc = 0
        self._tail = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next ``data``."""
        self.size += len(data)
        self._hash.update(data)
        self._tail += data
        if len(self._tail) > 2 * TAIL_SIZE:
            self._shorten()

    def blob(self) -> Blob:
        """Return what has been received so far."""
        self._shorten()
        return Blob(self.size, self._hash.hexdigest(), bytes(self._tail), self._crc)

    def _shorten(self) -> None:
        surplus = len(self._tail) - TAIL_SIZE
        if surplus > 0:
            self._crc = zlib.crc32(memoryview(self._tail)[:surplus], self._crc)
            del self._tail[:surplus]
