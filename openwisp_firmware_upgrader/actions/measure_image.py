"""Records SHA-256 and size of an image that an older release has stored."""

from __future__ import annotations

from ..images import sha256_and_size
from ..protocols import Image


def measure_image(image: Image) -> None:
    """Fills in ``checksum`` and ``size`` where they are missing.

    Arguments:
        image: a stored firmware image, whose file is read at most once.

    Raises OSError when the file cannot be read.
    """
    if image.checksum and image.size is not None:
        return
    with image.file.storage.open(image.file.name, "rb") as file:
        image.checksum, image.size = sha256_and_size(file)
    type(image).objects.filter(pk=image.pk).update(
        checksum=image.checksum, size=image.size
    )
