"""The receiving end of SCP: what ``scp -t PATH`` does on a device.

A state machine without network: bytes go in, answers come out. OpenSSH's sink
reads a whole file even when it cannot be written and answers at the end.
"""

from __future__ import annotations

import contextlib
import posixpath
import time
from dataclasses import dataclass, field

from .blobs import Blob, BlobWriter
from .device import Device
from .filesystem import NO_SPACE, FileError, in_tmp, normalize
from .records import UploadRecord

OK = b"\0"
TRUNCATED_KEEPS = 0.75


@dataclass
class _Incoming:
    """The file being received."""

    path: str
    record: UploadRecord
    keep: int
    writer: BlobWriter = field(default_factory=BlobWriter)
    received: int = 0
    error: str | None = None

    def was_completed_by_another(self, found: Blob) -> bool:
        """Whether the file at the path holds all of it, from a later upload.

        Both wrote into one file at the same places, so what the unfinished one
        wrote is in it. Uploads of the same size count as those of one image.
        """
        mine = self.writer.size
        return mine < self.record.declared == found.size


class ScpSink:
    """Receives one file after the other into the file system of ``device``.

    ``session`` is the number of the connection, for the records. After `feed`,
    ``answers`` holds what to send; ``confirmed`` counts files of which the
    client sent the last byte.
    """

    def __init__(self, device: Device, target: str, session: int) -> None:
        self._device = device
        self._target = target
        self._session = session
        self._buffer = bytearray()
        self._file: _Incoming | None = None
        self.answers = bytearray(OK)
        self.confirmed = 0
        self.failed = False

    @property
    def half_received(self) -> bool:
        """Whether at least half of the current file has arrived."""
        file = self._file
        return file is not None and 2 * file.received >= file.record.declared > 0

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        self._buffer += data
        while self._buffer and self._step():
            pass

    def close(self) -> None:
        """Keep what has arrived of an unfinished file, as a real sink does."""
        if self._file is not None:
            self._store(self._file)
            self._file = None

    def _step(self) -> bool:
        if self._file is None:
            return self._control_line()
        if self._file.received < self._file.record.declared:
            return self._receive(self._file)
        return self._finish(self._file)

    def _control_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = self._buffer[:end].decode("utf-8", "surrogateescape")
        del self._buffer[: end + 1]
        if line.startswith("T"):
            self.answers += OK
        elif line.startswith("C"):
            self._begin(line)
        else:
            self._fail("protocol error: expected control record")
        return True

    def _begin(self, line: str) -> None:
        try:
            _mode, size, name = line[1:].split(" ", 2)
            declared = int(size)
        except ValueError:
            self._fail("size not delimited")
            return
        path = self._target
        if self._device.files.is_directory(path):
            path = posixpath.join(path, name)
        try:
            self._device.files.check_writable(path)
            # a real sink opens the file first: it is there, empty, from now on
            self._device.files.write(path, Blob.of(b""))
        except FileError:
            self._fail(f"{path}: No such file or directory")
            return
        record = UploadRecord(
            time.time(), path, declared, self._session, self._device.boot_id
        )
        self._device.record.uploads.append(record)
        truncated = self._device.upload_fault == "truncated"
        keep = int(declared * TRUNCATED_KEEPS) if truncated else declared
        self._file = _Incoming(path, record, keep)
        self.answers += OK

    def _receive(self, file: _Incoming) -> bool:
        data = bytes(self._buffer[: file.record.declared - file.received])
        del self._buffer[: len(data)]
        file.received += len(data)
        kept = data[: max(0, file.keep - file.writer.size)]
        if in_tmp(file.path):
            room = self._device.files.room_for(file.path) - file.writer.size
            if len(kept) > room:
                file.error = NO_SPACE
                kept = kept[: max(0, room)]
        file.writer.feed(kept)
        return True

    def _finish(self, file: _Incoming) -> bool:
        del self._buffer[:1]
        self._store(file)
        self._file = None
        self.confirmed += 1
        if file.error:
            self._fail(f"{file.path}: {file.error}")
        elif self._device.upload_fault != "unconfirmed":
            self.answers += OK
        return True

    def _store(self, file: _Incoming) -> None:
        blob = file.writer.blob()
        # a file that was removed meanwhile is written to, but nobody sees it
        found = self._device.files.files.get(normalize(file.path))
        if found is not None and not file.was_completed_by_another(found):
            with contextlib.suppress(FileError):
                # another upload may have taken the rest of /tmp meanwhile
                self._device.files.write(file.path, blob)
        file.record.size = blob.size
        file.record.sha256 = blob.sha256
        file.record.complete = blob.size == file.record.declared

    def _fail(self, text: str) -> None:
        self.failed = True
        self.answers += f"\x01scp: {text}\n".encode("utf-8", "surrogateescape")
