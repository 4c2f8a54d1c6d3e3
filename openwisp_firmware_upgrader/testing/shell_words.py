"""Tokens of the simulated shell: operators, and words with their quoting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

REDIRECT = re.compile(r"(?P<fd>\d)?(?P<op>>>|<|>)")
DUPLICATE = re.compile(r"(?P<fd>\d)?>&(?P<dup>\d)")
OPERATORS = ("&&", "||", ";", "|", "(", ")", "\n")
NAME = re.compile(r"\{?([A-Za-z_]\w*|\?)\}?")
ESCAPED_IN_QUOTES = '"\\$`'


class ShellSyntaxError(Exception):
    """The script is not valid, or uses what this shell does not know."""


@dataclass(frozen=True)
class Segment:
    """A piece of a word.

    ``kind`` is ``text``, ``variable`` (its name) or ``command`` (of ``$( )``);
    a ``quoted`` piece is neither split into words nor taken for a pattern.
    """

    kind: str
    value: str
    quoted: bool


@dataclass(frozen=True)
class Word:
    """A word before expansion."""

    segments: tuple[Segment, ...]

    @property
    def bare(self) -> str | None:
        """The text of a word without quotes and variables, else None."""
        if all(s.kind == "text" and not s.quoted for s in self.segments):
            return "".join(segment.value for segment in self.segments)
        return None

    def __str__(self) -> str:
        return "".join(segment.value for segment in self.segments)


@dataclass(frozen=True)
class Operator:
    """An operator; redirections have the descriptor ``fd`` they redirect."""

    text: str
    fd: int | None = None
    duplicate: int | None = None

    def __str__(self) -> str:
        return self.text


Token: TypeAlias = Word | Operator


def tokenize(script: str) -> list[Token]:
    """Return the tokens of ``script`` or raise `ShellSyntaxError`."""
    return list(_Reader(script).tokens())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def tokens(self) -> Iterator[Token]:
        while self._skip_blanks():
            yield self._redirect() or self._operator() or self._word()

    def _skip_blanks(self) -> bool:
        while self._peek() in (" ", "\t"):
            self._at += 1
        if self._peek() == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        return self._at < len(self._text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _redirect(self) -> Operator | None:
        if found := DUPLICATE.match(self._text, self._at):
            self._at = found.end()
            return Operator(">&", int(found["fd"] or 1), int(found["dup"]))
        if found := REDIRECT.match(self._text, self._at):
            self._at = found.end()
            default = 0 if found["op"] == "<" else 1
            return Operator(found["op"], int(found["fd"] or default))
        return None

    def _operator(self) -> Operator | None:
        for text in OPERATORS:
            if self._text.startswith(text, self._at):
                self._at += len(text)
                return Operator(text)
        if self._peek() in ("&", "`"):
            raise ShellSyntaxError(f'unexpected "{self._peek()}"')
        return None

    def _word(self) -> Word:
        segments: list[Segment] = []
        while self._peek() and self._peek() not in " \t\n;|&()<>":
            segments.extend(self._piece())
        return Word(tuple(segments))

    def _piece(self) -> list[Segment]:
        char = self._peek()
        if char == "'":
            return [Segment("text", self._until("'"), True)]
        if char == '"':
            return self._double_quoted()
        if char == "$":
            return [self._dollar(False)]
        if char == "`":
            raise ShellSyntaxError('unexpected "`"')
        self._at += 1
        if char == "\\":
            char = self._peek()
            self._at += 1
            return [Segment("text", char, True)]
        return [Segment("text", char, False)]

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise ShellSyntaxError("unterminated quoted string")
        value = self._text[self._at + 1 : end]
        self._at = end + 1
        return value

    def _double_quoted(self) -> list[Segment]:
        self._at += 1
        segments = [Segment("text", "", True)]
        while (char := self._peek()) != '"':
            if not char:
                raise ShellSyntaxError("unterminated quoted string")
            if char == "$":
                segments.append(self._dollar(True))
                continue
            if char == "\\" and self._text[self._at + 1] in ESCAPED_IN_QUOTES:
                self._at += 1
            segments.append(Segment("text", self._peek(), True))
            self._at += 1
        self._at += 1
        return segments

    def _dollar(self, quoted: bool) -> Segment:
        self._at += 1
        if self._peek() == "(":
            return Segment("command", self._substitution(), quoted)
        if found := NAME.match(self._text, self._at):
            self._at = found.end()
            return Segment("variable", found[1], quoted)
        return Segment("text", "$", quoted)

    def _substitution(self) -> str:
        start, depth = self._at + 1, 0
        while char := self._peek():
            if char in "'\"":
                self._until(char)
                continue
            depth += (char == "(") - (char == ")")
            self._at += 1
            if not depth:
                return self._text[start : self._at - 1]
        raise ShellSyntaxError('unexpected end of file (expecting ")")')
