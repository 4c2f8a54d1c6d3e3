"""What a device may answer on one SSH channel: 256 KiB, whatever it sends."""

from __future__ import annotations

import threading

from paramiko import Channel
from paramiko.buffered_pipe import BufferedPipe

# less than the window that paramiko opens: a device that keeps to it needs no more
MAX_OUTPUT = 256 * 1024


class BoundedOutput:
    """Keeps both streams of a channel within a limit, and says when they end.

    paramiko stores what arrives whether or not it fits into the window, so reading
    no further stops only devices that keep to the protocol. What is more than the
    limit is dropped in the thread that received it.

    Attributes:
        ended: set once both streams have ended or the limit was passed.
        is_too_long: whether the limit was passed; readers see the end of the output.
    """

    def __init__(self, channel: Channel) -> None:
        """Takes over the streams of a channel that was opened a moment ago.

        Arguments:
            channel: of paramiko, no command was sent over it.
        """
        self.ended = threading.Event()
        self.is_too_long = False
        self._left = MAX_OUTPUT
        self._stdout = channel.in_buffer = _Stream(self)
        self._stderr = channel.in_stderr_buffer = _Stream(self)
        if channel.closed:
            # the connection ended before we came
            self._end()

    def takes(self, length: int) -> bool:
        """Tells whether so many more bytes fit; ends the streams when they do not."""
        self._left -= length
        if self._left < 0 and not self.is_too_long:
            self.is_too_long = True
            self._end()
            # nobody reads it any more, but tracebacks keep us for a while
            self._stdout.drop()
            self._stderr.drop()
        return self._left >= 0

    def read(self) -> tuple[bytes, bytes]:
        """Returns what arrived until now: standard output, standard error."""
        return self._stdout.empty(), self._stderr.empty()

    def _end(self) -> None:
        self._stdout.close()
        self._stderr.close()


class _Stream(BufferedPipe):
    """One of the two streams."""

    def __init__(self, output: BoundedOutput) -> None:
        super().__init__()
        self._output = output

    def feed(self, data: bytes) -> None:
        """Stores what arrived, called by the thread of the connection."""
        if self._output.takes(len(data)):
            super().feed(data)

    def drop(self) -> None:
        """Forgets what arrived."""
        with self._lock:
            del self._buffer[:]

    def close(self) -> None:
        """Ends the stream; paramiko ends both at once."""
        super().close()
        self._output.ended.set()
