"""SSH as dropbear serves it: exec requests and SCP, nothing else.

No SFTP, no shell, no forwarding; a receive window of 24,576 bytes
(openwrt.md 4.9).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import cast

import asyncssh

from .actor import Actor
from .command_session import CommandSession
from .greeting_faults import GREETING_FAULTS, LOGIN_FAULTS, QUESTIONS

RECEIVE_WINDOW = 24_576
MAX_PACKET = 16_384
LOGIN_TIMEOUT = 60
CIPHERS = ["aes128-gcm@openssh.com", "aes128-ctr", "chacha20-poly1305@openssh.com"]

logging.getLogger("asyncssh").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Access:
    """Who may log in: a user with a password, or with one of the keys.

    ``keys`` are public keys in OpenSSH's format, one per line.
    """

    user: str = "root"
    password: str = "password"  # noqa: S105  (of a simulated device)
    keys: tuple[str, ...] = ()

    def accepts_key(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether ``key`` is one of the keys, comments aside."""
        blob = key.export_public_key("openssh").split()[:2]
        return any(line.encode().split()[:2] == blob for line in self.keys)


class SshService:
    """Serves accepted sockets of all devices of a fleet with one host key."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Make the host key and the options that every connection shares."""
        self._options = await asyncssh.SSHServerConnectionOptions.construct(
            config=None,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            login_timeout=LOGIN_TIMEOUT,
            encryption_algs=CIPHERS,
            compression_algs=["none"],
            encoding=None,
            window=RECEIVE_WINDOW,
            max_pktsize=MAX_PACKET,
            server_version="dropbear_2022.83",
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
        )

    def serve(self, actor: Actor, sock: socket.socket) -> None:
        """Speak SSH for the device of ``actor`` over ``sock``."""
        task = asyncio.get_running_loop().create_task(self._serve(actor, sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, actor: Actor, sock: socket.socket) -> None:
        greet = GREETING_FAULTS.get(actor.device.greeting_fault)
        if greet is not None:
            with contextlib.closing(sock), contextlib.suppress(OSError):
                await greet(sock)
            return
        connection = Connection(actor, sock, self._access)
        actor.connections.add(connection)
        try:
            await asyncssh.run_server(
                sock, options=self._options, server_factory=lambda: connection
            )
        except (OSError, asyncssh.Error):
            # a client that leaves before it logged in is no event here
            connection.closed()

    async def stop(self) -> None:
        """Give up log-ins that are under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Connection(asyncssh.SSHServer):
    """One connection of a client to a device."""

    def __init__(self, actor: Actor, sock: socket.socket, access: Access) -> None:
        self.actor = actor
        self.sock = sock
        self.number = 0
        self.lost = asyncio.Event()
        self.answered = asyncio.Event()
        self._access = access
        self._ssh: asyncssh.SSHServerConnection | None = None
        self._greeted = False
        self._busy_until = 0.0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection, to be able to cut it."""
        self._ssh = conn
        if self.lost.is_set():
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client is gone."""
        self.closed()

    async def begin_auth(self, username: str) -> bool:
        """Ask everybody to authenticate."""
        fault = self.actor.device.greeting_fault
        if fault == QUESTIONS and self._ssh is not None:
            # paramiko asks for the service before each try, servers allow that
            self._ssh._next_service = b"ssh-userauth"  # noqa: SLF001
        elif fault in LOGIN_FAULTS:
            await LOGIN_FAULTS[fault](cast("asyncssh.SSHServerConnection", self._ssh))
        return True

    def password_auth_supported(self) -> bool:
        """Allow passwords."""
        return self.actor.device.greeting_fault != QUESTIONS

    def kbdint_auth_supported(self) -> bool:
        """Ask questions in place of a password only to misbehave."""
        return self.actor.device.greeting_fault == QUESTIONS

    async def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> bool:
        """Ask the questions."""
        await LOGIN_FAULTS[QUESTIONS](cast("asyncssh.SSHServerConnection", self._ssh))
        return False

    def validate_password(self, username: str, password: str) -> bool:
        """Check user and password."""
        return (username, password) == (self._access.user, self._access.password)

    def public_key_auth_supported(self) -> bool:
        """Allow keys."""
        return bool(self._access.keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Check user and key."""
        return username == self._access.user and self._access.accepts_key(key)

    def auth_completed(self) -> None:
        """Count the connection among the sessions of the device."""
        self.number = self.actor.device.record.login()

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        """Open a channel for a command."""
        return CommandSession(self)

    def closed(self) -> None:
        """Note the end of the connection, once."""
        if self.lost.is_set():
            return
        self.lost.set()
        self.actor.connections.discard(self)
        if self.number:
            self.actor.device.record.logout(self.number)

    def cut(self) -> None:
        """End the connection without a word."""
        if self._ssh is not None:
            self._ssh.abort()
        self.closed()

    def throttle(self, seconds: float) -> None:
        """Read nothing more from the socket for ``seconds``, added up.

        On the level of TCP and not of the SSH channel: asyncssh opens the whole
        window again with each packet it delivers, so a paused channel would let
        the client run ahead of a slow link.
        """
        loop = asyncio.get_running_loop()
        idle = self._busy_until <= loop.time()
        self._busy_until = max(self._busy_until, loop.time()) + seconds
        transport = self._ssh and self._ssh._transport  # noqa: SLF001  (no accessor)
        if transport and idle:
            transport.pause_reading()
            loop.call_at(self._busy_until, self._resume, transport)

    def _resume(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        if self._busy_until > loop.time():
            loop.call_at(self._busy_until, self._resume, transport)
        elif not transport.is_closing():
            transport.resume_reading()

    async def greet(self) -> None:
        """Wait at the hook that belongs to the first command."""
        if self._greeted:
            return
        self._greeted = True
        verifying = self.actor.device.awaits_verification
        name = "verify_connected" if verifying else "before_first_command"
        await self.actor.hooks.pass_by(name, self.actor.index)
