"""Interpreter of the simulated shell, see `shell_parser` for what it knows."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from .blobs import Blob
from .effects import Effect, Result, Running
from .filesystem import FileError
from .shell_parser import Group, If, Pipeline, Redirect, Sequence, Simple, parse
from .shell_words import Segment, ShellSyntaxError, Word

if TYPE_CHECKING:
    from .device import Device

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
PATTERN = re.compile(r"[*?\[]")

Command = Callable[["Device", list[str], Blob], "Result | Running"]


class _Exit(Exception):
    """``exit`` was called; carries the exit code and the output so far."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Shell:
    """One shell of ``device``, as started for each command sent over SSH."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._variables = {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self._status = 0

    def run(self, script: str) -> Running:
        """Execute ``script``; a generator of effects that returns a `Result`."""
        try:
            tree = parse(script)
        except ShellSyntaxError as error:
            return Result(2, "", f"ash: syntax error: {error}\n")
        return (yield from self._top(tree))

    def _top(self, tree: Sequence) -> Running:
        output = Result()
        try:
            yield from self._sequence(tree, Blob.of(b""), output)
        except _Exit as end:
            output.code = end.code
        return output

    def _sequence(
        self, tree: Sequence, stdin: Blob, output: Result
    ) -> Generator[Effect, None, None]:
        output.code = 0
        for operator, pipeline in tree.parts:
            wanted = {";": True, "&&": not self._status, "||": bool(self._status)}
            if not wanted[operator]:
                continue
            result = yield from self._pipeline(pipeline, stdin, output)
            self._status = output.code = result

    def _pipeline(
        self, pipeline: Pipeline, stdin: Blob, output: Result
    ) -> Generator[Effect, None, int]:
        result = Result()
        for number, command in enumerate(pipeline.commands):
            if number:
                stdin = Blob.of(result.out.encode("utf-8", "surrogateescape"))
            try:
                result = yield from self._redirected(command, stdin)
            except _Exit as end:
                if len(pipeline.commands) == 1:
                    raise
                result = Result(end.code)
            output.err += result.err
        output.out += result.out
        return int(not result.code) if pipeline.inverted else result.code

    def _redirected(self, command: Simple | Group | If, stdin: Blob) -> Running:
        streams: dict[int, Any] = {1: 1, 2: 2}
        try:
            for redirect in command.redirects:
                stdin = yield from self._open(redirect, streams, stdin)
        except FileError as error:
            return Result(1, "", f"ash: {error}\n")
        result = yield from self._execute(command, stdin)
        return self._deliver(result, streams)

    def _open(
        self, redirect: Redirect, streams: dict[int, Any], stdin: Blob
    ) -> Generator[Effect, None, Blob]:
        if redirect.duplicate is not None:
            streams[redirect.fd] = streams.get(redirect.duplicate, 1)
            return stdin
        path = yield from self._single(redirect.target)
        files = self._device.files
        if redirect.operator == "<":
            try:
                return files.read(path)
            except FileError as error:
                raise FileError(f"can't open {path}: no such file") from error
        if not path.startswith(("/dev/", "/proc/", "/sys/")):
            try:
                files.check_writable(path)
            except FileError as error:
                raise FileError(f"can't create {path}: {error}") from error
            if redirect.operator == ">":
                files.write(path, Blob.of(b""))
        streams[redirect.fd] = path
        return stdin

    def _deliver(self, result: Result, streams: dict[int, Any]) -> Result:
        delivered = Result(result.code)
        for text, target in ((result.out, streams[1]), (result.err, streams[2])):
            if target == 1:
                delivered.out += text
            elif target == 2:
                delivered.err += text
            else:
                self._append(target, text, delivered)
        return delivered

    def _append(self, path: str, text: str, delivered: Result) -> None:
        try:
            self._device.files.append(path, text.encode("utf-8", "surrogateescape"))
        except FileError as error:
            delivered.code = 1
            delivered.err += f"ash: write error: {error}\n"

    def _execute(self, command: Simple | Group | If, stdin: Blob) -> Running:
        if isinstance(command, Simple):
            return (yield from self._simple(command, stdin))
        output = Result()
        if isinstance(command, Group):
            return (yield from self._group(command, stdin, output))
        yield from self._sequence(command.test, stdin, output)
        branch = command.orelse if output.code else command.body
        output.code = self._status = 0
        if branch:
            yield from self._sequence(branch, stdin, output)
        return output

    def _group(self, group: Group, stdin: Blob, output: Result) -> Running:
        try:
            yield from self._sequence(group.body, stdin, output)
        except _Exit as end:
            if not group.subshell:
                raise
            output.code = end.code
        return output

    def _simple(self, command: Simple, stdin: Blob) -> Running:
        words: list[str] = []
        for word in command.words:
            assignment = ASSIGNMENT.match(str(word))
            if assignment and not words:
                value = yield from self._single(word)
                self._variables[assignment[1]] = value[assignment.end() :]
                continue
            words += yield from self._expand(word)
        if not words:
            return Result()
        return (yield from self._call(words, stdin))

    def _call(self, words: list[str], stdin: Blob) -> Running:
        name, *arguments = words
        if name == "exit":
            raise _Exit(int(arguments[0]) if arguments else self._status)
        if name == "export":
            self._export(arguments)
            return Result()
        command = self._device.find_command(name)
        if command is None:
            return Result(127, "", f"ash: {name}: not found\n")
        result = command(self._device, arguments, stdin)
        if isinstance(result, Result):
            return result
        return (yield from result)

    def _export(self, assignments: list[str]) -> None:
        for assignment in assignments:
            name, separator, value = assignment.partition("=")
            if separator:
                self._variables[name] = value

    def _single(self, word: Word | None) -> Generator[Effect, None, str]:
        text = ""
        for segment in word.segments if word else ():
            text += yield from self._value(segment)
        return text

    def _expand(self, word: Word) -> Generator[Effect, None, list[str]]:
        fields, pattern = [""], [""]
        for segment in word.segments:
            value = yield from self._value(segment)
            parts = [value]
            if segment.kind != "text" and not segment.quoted:
                parts = value.split() or [""]
            fields[-1] += parts[0]
            fields += parts[1:]
            quoted = [glob.escape(p) if segment.quoted else p for p in parts]
            pattern[-1] += quoted[0]
            pattern += quoted[1:]
        if not any(fields) and not any(s.quoted for s in word.segments):
            return []
        return [
            path
            for pair in zip(fields, pattern, strict=True)
            for path in self._paths(*pair)
        ]

    def _paths(self, text: str, pattern: str) -> list[str]:
        if not PATTERN.search(pattern) or pattern == glob.escape(text):
            return [text]
        return self._device.files.match(pattern) or [text]

    def _value(self, segment: Segment) -> Generator[Effect, None, str]:
        if segment.kind == "text":
            return segment.value
        if segment.kind == "variable":
            if segment.value == "?":
                return str(self._status)
            return self._variables.get(segment.value, "")
        result = yield from self.run(segment.value)
        return result.out.rstrip("\n")
