"""The virtual file system of a simulated device.

Three kinds of files: ordinary ones, kept as `Blob`; files below ``/tmp``, which
share a size limit and vanish at each boot; and files the kernel or the firmware
provides (``/proc/meminfo``, ``/sbin/wifi``), computed when they are read.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Mapping

from .blobs import Blob

TMP = "/tmp"  # noqa: S108  (of the simulated device)
ROOT_DIRECTORIES = frozenset(
    {TMP, f"{TMP}/sysinfo", "/", "/etc", "/etc/config", "/etc/init.d", "/etc/openwisp"}
    | {"/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/libexec", "/lib"}
    | {"/proc", "/sys", "/dev", "/root", "/overlay", "/rom", "/var"}
)
SINKS = ("/dev/", "/proc/", "/sys/")
NOT_FOUND = "No such file or directory"
IS_DIRECTORY = "Is a directory"
NO_SPACE = "No space left on device"

Provided = Mapping[str, Callable[[], str]]


class FileError(Exception):
    """A file operation was refused; the text is what the device prints."""


class FileSystem:
    """Files of one device, see the module.

    ``provided`` returns the files that the running firmware provides, as path
    to a function that reads them; ``tmp_limit`` the size of /tmp in bytes;
    ``overlay`` whether the root is an overlay.
    """

    def __init__(
        self,
        provided: Callable[[], Provided],
        tmp_limit: Callable[[], int],
        overlay: Callable[[], bool],
    ) -> None:
        self._provided = provided
        self._overlay = overlay
        self._tmp_limit = tmp_limit
        self.files: dict[str, Blob] = {}
        self.directories: set[str] = set()

    def is_file(self, path: str) -> bool:
        """Tell whether ``path`` is a regular file."""
        path = normalize(path)
        return path in self.files or path in self._provided()

    def is_directory(self, path: str) -> bool:
        """Tell whether ``path`` is a directory."""
        path = normalize(path)
        if path.startswith("/overlay/upper"):
            return self._overlay()
        return path in ROOT_DIRECTORIES or path in self.directories

    def is_executable(self, path: str) -> bool:
        """Tell whether ``path`` is a program of the firmware."""
        path = normalize(path)
        return path in self._provided() and not path.startswith(SINKS)

    def read(self, path: str) -> Blob:
        """Return the content of ``path`` or raise `FileError`."""
        path = normalize(path)
        if path in self.files:
            return self.files[path]
        if path == "/dev/null":
            return Blob.of(b"")
        if reader := self._provided().get(path):
            return Blob.of(reader().encode("utf-8", "surrogateescape"))
        raise FileError(IS_DIRECTORY if self.is_directory(path) else NOT_FOUND)

    def write(self, path: str, blob: Blob) -> None:
        """Replace the content of ``path``.

        Raises `FileError` when the directory is missing or /tmp is full.
        """
        path = normalize(path)
        if path.startswith(SINKS):
            return
        self.check_writable(path)
        if in_tmp(path) and blob.size > self.room_for(path):
            raise FileError(NO_SPACE)
        self.files[path] = blob

    def check_writable(self, path: str) -> None:
        """Raise `FileError` when ``path`` cannot be created."""
        path = normalize(path)
        if self.is_directory(path):
            raise FileError(IS_DIRECTORY)
        if not self.is_directory(posixpath.dirname(path)):
            raise FileError("nonexistent directory")

    def append(self, path: str, content: bytes) -> None:
        """Append ``content`` to a small file, creating it if needed."""
        old = self.files.get(normalize(path))
        self.write(path, Blob.of(((old and old.content) or b"") + content))

    def make_directory(self, path: str) -> None:
        """Create ``path`` and its parents."""
        path = normalize(path)
        while not self.is_directory(path):
            self.directories.add(path)
            path = posixpath.dirname(path)

    def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file, or a directory with all in it.

        Raises `FileError` when ``path`` is missing or a directory that may not
        be removed.
        """
        path = normalize(path)
        if self.files.pop(path, None) is not None:
            return
        if not self.is_directory(path):
            raise FileError(NOT_FOUND)
        if not recursive:
            raise FileError(IS_DIRECTORY)
        self._remove_tree(path)

    def match(self, pattern: str) -> list[str]:
        """Return the files that the shell pattern ``pattern`` stands for."""
        directory = posixpath.dirname(pattern)
        return sorted(
            path
            for path in {*self.files, *self._provided()}
            if posixpath.dirname(path) == directory
            and fnmatch.fnmatchcase(path, pattern)
        )

    def children(self, directory: str) -> list[str]:
        """Return the names in ``directory``, sorted."""
        prefix = normalize(directory).rstrip("/") + "/"
        known = {*self.files, *self.directories, *self._provided(), *ROOT_DIRECTORIES}
        rest = (path[len(prefix) :] for path in known if path.startswith(prefix))
        return sorted({name.split("/")[0] for name in rest} - {""})

    @property
    def tmp_files(self) -> dict[str, int]:
        """Sizes in bytes of the ordinary files below /tmp."""
        return {path: b.size for path, b in self.files.items() if in_tmp(path)}

    @property
    def tmp_free(self) -> int:
        """Free space of /tmp in bytes."""
        return max(0, self._tmp_limit() - sum(self.tmp_files.values()))

    def room_for(self, path: str) -> int:
        """Return how many bytes the file ``path`` of /tmp could have."""
        old = self.files.get(normalize(path))
        return self.tmp_free + (old.size if old else 0)

    def clear_tmp(self) -> None:
        """Empty /tmp, as a boot does."""
        self._remove_tree(TMP)

    def clear_etc(self) -> None:
        """Forget the configuration, as a flash with ``-n`` does."""
        self._remove_tree("/etc")

    def _remove_tree(self, path: str) -> None:
        prefix = path.rstrip("/") + "/"
        self.files = {p: b for p, b in self.files.items() if not p.startswith(prefix)}
        self.directories = {
            p for p in self.directories if p != path and not p.startswith(prefix)
        }


def normalize(path: str) -> str:
    """Return ``path`` absolute and without ``.`` and ``..``; / is home."""
    return posixpath.normpath("/" + path).replace("//", "/")


def in_tmp(path: str) -> bool:
    """Tell whether ``path`` lies below /tmp."""
    return normalize(path).startswith(f"{TMP}/")
