"""BusyBox applets of the simulated device, in the form upgraders use them."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from .blobs import Blob
from .effects import Result, Running, Sleep
from .filesystem import TMP, FileError, normalize

if TYPE_CHECKING:
    from .device import Device
    from .shell import Command

ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


def true(device: Device, args: list[str], stdin: Blob) -> Result:
    """``true``, ``:``, ``sync``: nothing to do here."""
    return Result()


def false(device: Device, args: list[str], stdin: Blob) -> Result:
    """``false``."""
    return Result(1)


def echo(device: Device, args: list[str], stdin: Blob) -> Result:
    """``echo [-n] TEXT``."""
    end = "\n"
    if args[:1] == ["-n"]:
        args, end = args[1:], ""
    return Result(out=" ".join(args) + end)


def printf(device: Device, args: list[str], stdin: Blob) -> Result:
    """``printf FORMAT [TEXT]``, with ``%s`` only."""
    if not args:
        return Result(1, err="printf: usage: printf FORMAT [ARG]...\n")
    values = iter(args[1:])
    text = re.sub(r"\\[nt\\]", lambda found: ESCAPES[found[0]], args[0])
    return Result(out=re.sub("%s", lambda _: next(values, ""), text))


def sleep(device: Device, args: list[str], stdin: Blob) -> Running:
    """``sleep SECONDS``."""
    try:
        seconds = float(args[0])
    except (ValueError, IndexError):
        return Result(1, err="sleep: invalid number\n")
    yield Sleep(seconds)
    return Result()


def cat(device: Device, args: list[str], stdin: Blob) -> Result:
    """``cat [FILE]``; the content of large files is not kept, so not shown."""
    if not args:
        return Result(out=stdin.text)
    result = Result()
    for path in args:
        try:
            blob = device.files.read(path)
        except FileError as error:
            result.code, result.err = 1, f"cat: can't open '{path}': {error}\n"
            continue
        if blob.content is None:
            result.code = 1
            result.err += f"cat: {path}: the simulator keeps no large files\n"
        result.out += blob.text
    return result


def grep(device: Device, args: list[str], stdin: Blob) -> Result:
    """``grep [-q] [-v] [-i] [-c] [-E] [-F] PATTERN [FILE]``."""
    flags = {letter for arg in args if arg.startswith("-") for letter in arg[1:]}
    plain = [arg for arg in args if not arg.startswith("-")]
    if not plain:
        return Result(2, err="grep: missing pattern\n")
    pattern = re.escape(plain[0]) if "F" in flags else plain[0]
    expression = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    try:
        text = device.files.read(plain[1]).text if plain[1:] else stdin.text
    except FileError as error:
        return Result(2, err=f"grep: {plain[1]}: {error}\n")
    lines = [
        line
        for line in text.splitlines(keepends=True)
        if bool(expression.search(line)) != ("v" in flags)
    ]
    out = f"{len(lines)}\n" if "c" in flags else "".join(lines)
    return Result(0 if lines else 1, "" if "q" in flags else out)


def remove(device: Device, args: list[str], stdin: Blob) -> Result:
    """``rm [-r] [-f] FILE``."""
    flags = {letter for arg in args if arg.startswith("-") for letter in arg[1:]}
    result = Result()
    for path in (arg for arg in args if not arg.startswith("-")):
        try:
            device.files.remove(path, recursive=bool(flags & {"r", "R"}))
        except FileError as error:
            if "f" not in flags:
                result.code = 1
                result.err += f"rm: can't remove '{path}': {error}\n"
    return result


def make_directory(device: Device, args: list[str], stdin: Blob) -> Result:
    """``mkdir [-p] DIRECTORY``."""
    for path in (arg for arg in args if not arg.startswith("-")):
        if "-p" not in args and device.files.is_directory(path):
            text = f"mkdir: can't create directory '{path}': File exists\n"
            return Result(1, err=text)
        device.files.make_directory(path)
    return Result()


def touch(device: Device, args: list[str], stdin: Blob) -> Result:
    """``touch FILE``."""
    for path in args:
        try:
            device.files.append(path, b"")
        except FileError as error:
            return Result(1, err=f"touch: {path}: {error}\n")
    return Result()


def move(device: Device, args: list[str], stdin: Blob) -> Result:
    """``mv [-f] SOURCE TARGET``."""
    source, target = [arg for arg in args if not arg.startswith("-")]
    try:
        blob = device.files.read(source)
        device.files.remove(source)
        device.files.write(target, blob)
    except FileError as error:
        return Result(1, err=f"mv: can't rename '{source}': {error}\n")
    return Result()


def listing(device: Device, args: list[str], stdin: Blob) -> Result:
    """``ls [PATH]``, names only."""
    paths = [arg for arg in args if not arg.startswith("-")] or ["/root"]
    result = Result()
    for path in paths:
        if device.files.is_directory(path):
            result.out += "".join(f"{n}\n" for n in device.files.children(path))
        elif device.files.is_file(path):
            result.out += f"{path}\n"
        else:
            result.code = 1
            result.err += f"ls: {path}: No such file or directory\n"
    return result


def test(device: Device, args: list[str], stdin: Blob) -> Result:
    """``test`` with ``! -f -d -e -x -s -n -z = !=`` and integer comparisons."""
    if args[:1] == ["!"]:
        result = test(device, args[1:], stdin)
        return Result(result.code if result.code > 1 else 1 - result.code)
    if len(args) == 2 and args[0] in FILE_TESTS:
        return Result(int(not FILE_TESTS[args[0]](device, args[1])))
    if len(args) == 3 and args[1] in COMPARISONS:
        return _compare(*args)
    if len(args) < 2:
        return Result(int(not any(args)))
    return Result(2, err=f"ash: {args[0]}: unknown operand\n")


def bracket(device: Device, args: list[str], stdin: Blob) -> Result:
    """``[ ... ]``, the other name of ``test``."""
    if args[-1:] != ["]"]:
        return Result(2, err="ash: missing ]\n")
    return test(device, args[:-1], stdin)


def checksum(device: Device, args: list[str], stdin: Blob) -> Result:
    """``sha256sum [FILE]``."""
    if not args:
        return Result(out=f"{stdin.sha256}  -\n")
    result = Result()
    for path in args:
        try:
            result.out += f"{device.files.read(path).sha256}  {path}\n"
        except FileError as error:
            result.code = 1
            result.err += f"sha256sum: can't open '{path}': {error}\n"
    return result


def word_count(device: Device, args: list[str], stdin: Blob) -> Result:
    """``wc -c [FILE]`` and ``wc -l``."""
    paths = [arg for arg in args if not arg.startswith("-")]
    try:
        blob = device.files.read(paths[0]) if paths else stdin
    except FileError as error:
        return Result(1, err=f"wc: {paths[0]}: {error}\n")
    number = blob.text.count("\n") if "-l" in args else blob.size
    return Result(out=f"{number} {paths[0]}\n" if paths else f"{number}\n")


def disk_free(device: Device, args: list[str], stdin: Blob) -> Result:
    """``df [-k] [PATH]``, sizes in KiB."""
    total, free = device.tmp_size_kib, device.files.tmp_free // 1024
    rows = {
        "/": ("/dev/root", 4096, 4096, 0),
        "/overlay": ("/dev/mtdblock4", 9536, 1024, 8512),
        TMP: ("tmpfs", total, total - free, free),
    }
    paths = [arg for arg in args if not arg.startswith("-")]
    mounts = [_mount(path) for path in paths] or list(rows)
    out = "Filesystem           1K-blocks      Used Available Use% Mounted on\n"
    for mount in mounts:
        name, size, used, available = rows[mount]
        percent = used * 100 // max(1, size)
        out += f"{name:<20} {size:>9} {used:>9} {available:>9} {percent:>3}% {mount}\n"
    return Result(out=out)


def _mount(path: str) -> str:
    path = normalize(path)
    return next(
        (m for m in (TMP, "/overlay") if path == m or path.startswith(m + "/")), "/"
    )


def _compare(left: str, operator: str, right: str) -> Result:
    compare = COMPARISONS[operator]
    if operator.startswith("-"):
        try:
            return Result(int(not compare(int(left), int(right))))
        except ValueError:
            return Result(2, err=f"ash: {left}: bad number\n")
    return Result(int(not compare(left, right)))


def basename(device: Device, args: list[str], stdin: Blob) -> Result:
    """``basename PATH``."""
    return Result(out=posixpath.basename(args[0]) + "\n" if args else "\n")


COMPARISONS = {
    "=": lambda left, right: left == right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}
FILE_TESTS = {
    "-f": lambda device, path: device.files.is_file(path),
    "-d": lambda device, path: device.files.is_directory(path),
    "-x": lambda device, path: device.files.is_executable(path),
    "-e": lambda device, path: (
        device.files.is_file(path) or device.files.is_directory(path)
    ),
    "-s": lambda device, path: (
        device.files.is_file(path) and device.files.read(path).size > 0
    ),
    "-n": lambda device, text: bool(text),
    "-z": lambda device, text: not text,
}
APPLETS: dict[str, Command] = {
    "true": true,
    ":": true,
    "sync": true,
    "false": false,
    "echo": echo,
    "printf": printf,
    "sleep": sleep,
    "cat": cat,
    "grep": grep,
    "rm": remove,
    "mkdir": make_directory,
    "touch": touch,
    "mv": move,
    "ls": listing,
    "test": test,
    "[": bracket,
    "sha256sum": checksum,
    "wc": word_count,
    "df": disk_free,
    "basename": basename,
}
