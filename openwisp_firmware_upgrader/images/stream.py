"""An image on its way to a device, never whole in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

# the receive window of dropbear (RECV_WINDOW in its default_options.h): a device opens
# it again once for each piece, not twice, which a worker's processor feels
PIECE = 24_576
# scp asks for so much, and takes whatever it gets
SCP_ASKS_FOR = 16 * 1024


class ImageTooShort(Exception):
    """The file became shorter while it was being read."""


class ImageStream:
    """A file as the controller's connectors upload it.

    It has ``getvalue``, so that the connector does not copy it into memory.
    """

    def __init__(
        self, image: BinaryIO, size: int, on_piece: Callable[[int], None]
    ) -> None:
        """Wraps a file.

        Arguments:
            image: a seekable binary file.
            size: its size in bytes.
            on_piece: called before each piece with the number of bytes handed
                out so far; what it raises ends the upload.
        """
        self._image = image
        self._size = size
        self._on_piece = on_piece
        self.sent = 0
        image.seek(0)

    @property
    def is_complete(self) -> bool:
        """Whether every byte has been handed out."""
        return self.sent >= self._size

    def read(self, size: int | None = None) -> bytes:
        """Returns the next piece, at most 24 KiB; raises when it must stop."""
        self._on_piece(self.sent)
        if size is None or size < 0 or size == SCP_ASKS_FOR:
            size = PIECE
        wanted = min(size, PIECE)
        piece = self._image.read(min(wanted, self._size - self.sent))
        if not piece and not self.is_complete and wanted:
            raise ImageTooShort(f"{self.sent} of {self._size} bytes could be read")
        self.sent += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves in the file, as ``scp`` does to measure it."""
        position = self._image.seek(offset, whence)
        self.sent = position
        return position

    def tell(self) -> int:
        """Returns the position in the file."""
        return self._image.tell()

    def getvalue(self) -> bytes:
        """Refuses: the image is never read whole."""
        raise NotImplementedError("firmware images are streamed, use read()")
