"""Parser of the ash-like shell of the simulated device.

Understands what a POSIX shell does with lists (``;`` ``&&`` ``||``), pipelines,
``!``, groups ``( )`` and ``{ }``, ``if``, redirections, the three kinds of
quotes, ``$NAME``, ``$?`` and ``$(command)``. Anything else is a syntax error, as
honest as ash's own: a script is never half understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .shell_words import Operator, ShellSyntaxError, Token, Word, tokenize


@dataclass(frozen=True)
class Redirect:
    """``fd`` goes to the file ``target``, or to the descriptor ``duplicate``."""

    fd: int
    operator: str
    target: Word | None = None
    duplicate: int | None = None


@dataclass
class Simple:
    """One command with its words, e.g. ``test -f /sbin/wifi``."""

    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)


@dataclass
class Group:
    """``( ... )`` or ``{ ...; }``."""

    body: Sequence
    redirects: list[Redirect] = field(default_factory=list)
    subshell: bool = False


@dataclass
class If:
    """``if ...; then ...; else ...; fi``; ``elif`` is an If in ``orelse``."""

    test: Sequence
    body: Sequence
    orelse: Sequence | None = None
    redirects: list[Redirect] = field(default_factory=list)


@dataclass
class Pipeline:
    """Commands joined by ``|``, the result inverted by ``!``."""

    commands: list[Simple | Group | If]
    inverted: bool = False


@dataclass
class Sequence:
    """Pipelines, each with the operator before it (``;`` ``&&`` ``||``)."""

    parts: list[tuple[str, Pipeline]] = field(default_factory=list)


def parse(script: str) -> Sequence:
    """Return the tree of ``script`` or raise `ShellSyntaxError`."""
    parser = _Parser(tokenize(script))
    tree = parser.sequence(())
    if parser.token is not None:
        raise ShellSyntaxError(f'unexpected "{parser.token}"')
    return tree


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def token(self) -> Token | None:
        if self._position < len(self._tokens):
            return self._tokens[self._position]
        return None

    def sequence(self, ends: tuple[str, ...]) -> Sequence:
        result = Sequence()
        operator = ";"
        while self._skip_newlines() and not self._at(*ends):
            result.parts.append((operator, self._pipeline()))
            if not self._at(";", "\n", "&&", "||"):
                break
            operator = str(self._next()).replace("\n", ";")
            if operator != ";" and (not self._skip_newlines() or self._at(*ends)):
                raise ShellSyntaxError("unexpected end of file")
        return result

    def _pipeline(self) -> Pipeline:
        inverted = self._at("!")
        if inverted:
            self._next()
        commands = [self._command()]
        while self._at("|"):
            self._next()
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(commands, inverted)

    def _command(self) -> Simple | Group | If:
        if self._at("("):
            return self._group("(", ")")
        if self._at("{"):
            return self._group("{", "}")
        if self._at("if"):
            self._next()
            node = self._branches()
            node.redirects = self._redirects()
            return node
        return self._simple()

    def _group(self, start: str, end: str) -> Group:
        self._expect(start)
        body = self.sequence((end,))
        self._expect(end)
        return Group(body, self._redirects(), subshell=start == "(")

    def _branches(self) -> If:
        test = self.sequence(("then",))
        self._expect("then")
        node = If(test, self.sequence(("elif", "else", "fi")))
        if self._at("elif"):
            self._next()
            node.orelse = Sequence([(";", Pipeline([self._branches()]))])
            return node
        if self._at("else"):
            self._next()
            node.orelse = self.sequence(("fi",))
        self._expect("fi")
        return node

    def _simple(self) -> Simple:
        command = Simple()
        while self.token is not None:
            if isinstance(self.token, Word):
                command.words.append(self.token)
                self._position += 1
            elif redirect := self._redirect():
                command.redirects.append(redirect)
            else:
                break
        if not command.words and not command.redirects:
            raise ShellSyntaxError(f'unexpected "{self.token or "end of file"}"')
        return command

    def _redirects(self) -> list[Redirect]:
        found = []
        while redirect := self._redirect():
            found.append(redirect)
        return found

    def _redirect(self) -> Redirect | None:
        token = self.token
        if not isinstance(token, Operator) or token.fd is None:
            return None
        self._position += 1
        if token.duplicate is not None:
            return Redirect(token.fd, token.text, duplicate=token.duplicate)
        target = self.token
        if not isinstance(target, Word):
            raise ShellSyntaxError(f'unexpected "{target or "end of file"}"')
        self._position += 1
        return Redirect(token.fd, token.text, target)

    def _at(self, *texts: str) -> bool:
        token = self.token
        if isinstance(token, Operator):
            return token.fd is None and token.text in texts
        return token is not None and token.bare in texts

    def _next(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _expect(self, text: str) -> None:
        if not self._at(text):
            raise ShellSyntaxError(
                f'unexpected "{self.token or "end of file"}" (expecting "{text}")'
            )
        self._position += 1

    def _skip_newlines(self) -> bool:
        while self._at("\n"):
            self._position += 1
        return self.token is not None
