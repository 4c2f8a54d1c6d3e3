"""What a device may send over SSH, from the first byte on."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import MSG_EXT_INFO, MSG_USERAUTH_INFO_REQUEST

from ...foreign_text import inline
from ...protocols import Connector

# as much as OpenSSH takes; paramiko takes 4 GB if a device says so
MAX_PACKET = 256 * 1024
# its version and the lines before it; paramiko reads lines of any length
MAX_GREETING = 64 * 1024
# key exchange and log-in, with all banners
MAX_BEFORE_LOGIN = 256 * 1024
# of what an error says in the words of the device
MAX_WORDS = 1000
# bytes that an entry of a list takes at least, and texts before its length
SMALLEST_EXTENSION, SMALLEST_PROMPT = 8, 5
TEXTS_BEFORE_PROMPTS = 3


def guard(connector: Connector) -> None:
    """Bounds what a device may send before it is logged in; call it first.

    An attempt that fails leaves no thread behind, and its error has clean words:
    they are stored as the reason of the failure.

    Arguments:
        connector: of a ``DeviceConnection``; other kinds than paramiko's are left
            as they are.
    """
    shell = getattr(connector, "shell", None)
    connect = getattr(shell, "connect", None)
    is_bounded = getattr(connect, "is_bounded", False)
    if not isinstance(shell, paramiko.SSHClient) or connect is None or is_bounded:
        return

    def connect_bounded(*args: Any, **options: Any) -> Any:
        options.setdefault("transport_factory", bounded_transport)
        try:
            return connect(*args, **options)
        except Exception as error:
            # paramiko forgets its transport at the next attempt, but not to read
            shell.close()
            words = inline(error, MAX_WORDS)
            if words == str(error):
                raise
            raise paramiko.SSHException(words) from error

    connect_bounded.is_bounded = True  # type: ignore[attr-defined]
    # of this client alone, nobody else's is changed
    shell.connect = connect_bounded  # type: ignore[method-assign]


def bounded_transport(*args: Any, **options: Any) -> paramiko.Transport:
    """Returns a new transport of paramiko that is bounded."""
    transport = paramiko.Transport(*args, **options)
    bound_packets(transport)
    return transport


def bound_packets(transport: paramiko.Transport) -> None:
    """Bounds what a transport reads, once.

    Arguments:
        transport: of paramiko, connected or not.
    """
    packetizer = transport.packetizer
    if isinstance(getattr(packetizer, "bounds", None), _Bounds):
        return
    packetizer.bounds = bounds = _Bounds(transport)
    packetizer.read_all = bounds.read_all
    packetizer.read_message = bounds.read_message
    # of the lines before the first packet alone
    packetizer._read_timeout = bounds.read_greeting  # noqa: SLF001 no other seam


class _Bounds:
    """Stands before the reading methods of one packetizer."""

    def __init__(self, transport: paramiko.Transport) -> None:
        packetizer = transport.packetizer
        self._transport = transport
        self._read_all = packetizer.read_all
        self._read_message = packetizer.read_message
        self._read_greeting = packetizer._read_timeout  # noqa: SLF001 see above
        self._greeting = MAX_GREETING
        self._before_login = MAX_BEFORE_LOGIN

    def read_greeting(self, timeout: float) -> bytes:
        data = self._read_greeting(timeout)
        self._greeting -= len(data)
        if self._greeting < 0:
            raise paramiko.SSHException(": the device does not say its version")
        return data

    def read_all(self, length: int, check_rekey: bool = False) -> bytes:
        if length > MAX_PACKET:
            text = f"the device announced a packet of {length} bytes"
            raise paramiko.SSHException(text)
        if self._before_login >= 0 and not self._transport.is_authenticated():
            self._before_login -= length
            if self._before_login < 0:
                raise paramiko.SSHException("the device talks without end at log-in")
        return self._read_all(length, check_rekey)

    def read_message(self) -> tuple[int, paramiko.Message]:
        kind, message = self._read_message()
        if _claims_too_much(kind, message):
            raise paramiko.SSHException("the device announced more than it sent")
        return kind, message


def _claims_too_much(kind: int, message: paramiko.Message) -> bool:
    # paramiko counts up to what is announced, 4 billion in a packet of 9 bytes:
    # no closed connection ends that, and questions are collected meanwhile
    if kind == MSG_EXT_INFO:
        skipped, smallest = 0, SMALLEST_EXTENSION
    elif kind == MSG_USERAUTH_INFO_REQUEST:
        skipped, smallest = TEXTS_BEFORE_PROMPTS, SMALLEST_PROMPT
    else:
        return False
    copy = paramiko.Message(message.asbytes())
    for _text in range(skipped):
        copy.get_binary()
    return bool(copy.get_int() * smallest > len(copy.get_remainder()))
