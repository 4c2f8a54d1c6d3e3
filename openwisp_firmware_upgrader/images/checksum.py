"""SHA-256 and size of an image, read in pieces."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

PIECE = 64 * 1024


def sha256_and_size(image: BinaryIO) -> tuple[str, int]:
    """Reads an image from its start and rewinds it.

    Arguments:
        image: a seekable binary file.

    Returns the SHA-256 as hexadecimal text and the size in bytes.
    """
    image.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := image.read(PIECE):
        digest.update(piece)
        size += len(piece)
    image.seek(0)
    return digest.hexdigest(), size
