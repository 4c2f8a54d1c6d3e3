"""What a firmware image is: pure functions over a file object."""

from .checksum import sha256_and_size
from .fwtool import read_metadata
from .stream import ImageStream, ImageTooShort

__all__ = ["ImageStream", "ImageTooShort", "read_metadata", "sha256_and_size"]
