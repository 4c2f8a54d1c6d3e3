"""Redis and PostgreSQL on private sockets, and a SQLite file in their place."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from .processes import Process, find_program
from .templates import copy


class Redis:
    """A private Redis on a unix socket, which loses everything when it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.env = {"REDIS_URL": f"unix://{self.socket}"}
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket)]
        options += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        program = find_program("redis-server", "/usr/sbin", "/usr/bin")
        self.process = Process([program, *options], self.folder / "redis.log")
        self.process.wait_until(self._answers, "redis-server")

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self, database: int = 0) -> redis.Redis:
        """Returns a client of the server."""
        return redis.Redis(unix_socket_path=str(self.socket), db=database)

    def flush(self) -> None:
        """Forgets all messages, cached values and channel groups."""
        self.client().flushall()

    def stop(self) -> None:
        """Ends the server."""
        self.process.stop()


class PostgreSQL:
    """A private PostgreSQL with PostGIS on a unix socket.

    PostgreSQL does not run as root, as root it runs as the user ``postgres``.
    """

    user = "postgres"
    kind = "postgres"

    def __init__(self, folder: Path, name: str = "openwisp2") -> None:
        self.folder = folder / "pg"
        self.name = name
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            folder.chmod(0o755)
        self.env = {
            "FIRMWARE_DB": "postgres",
            "PGHOST": str(self.folder),
            "PGPORT": "5432",
            "PGUSER": self.user,
            "PGPASSWORD": "",
            "PGDATABASE": name,
        }
        self.data = str(self.folder / "data")
        options = ["-D", self.data, "-U", self.user, "--auth=trust", "-E", "UTF8"]
        self._run("initdb", *options, "--no-sync", "--locale=C.UTF-8")
        self.start()
        self.create(name)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        command = [self.program("postgres"), "-D", self.data, "-k", str(self.folder)]
        for option in (
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
            "shared_buffers=128MB",
        ):
            command += ["-c", option]
        self.process = Process(
            self._as_user(command), self.folder.parent / "postgres.log"
        )
        self.process.wait_until(self._answers, "postgres")

    def program(self, name: str) -> str:
        """Returns the newest installed program of PostgreSQL by this name."""
        folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
        return find_program(name, *folders)

    def _as_user(self, command: list[str]) -> list[str]:
        if os.geteuid() != 0:
            return command
        drop = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}"]
        return [*drop, "--init-groups", "--pdeathsig=KILL", *command]

    def _run(self, name: str, *options: str, check: bool = True) -> bool:
        done = subprocess.run(
            self._as_user([self.program(name), *options]),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, "PGHOST": str(self.folder), "PGUSER": self.user},
        )
        if check and done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stdout}{done.stderr}")
        return done.returncode == 0

    def _answers(self) -> bool:
        return self._run("pg_isready", "-q", check=False)

    def create(self, name: str, template: str | None = None) -> None:
        """Creates a database, empty or as a copy of another one."""
        options = ["-T", template] if template else []
        self._run("createdb", *options, name)

    def drop(self, name: str) -> None:
        """Drops a database, whoever is connected to it."""
        self._run("dropdb", "--if-exists", "--force", name)

    def save(self, template: Path) -> None:
        """Copies all databases of the server to a folder."""
        self.halt()
        copy(Path(self.data), template)
        self.start()

    def load(self, template: Path) -> None:
        """Replaces all databases of the server by those of a folder."""
        self.halt()
        shutil.rmtree(self.data)
        copy(template, Path(self.data))
        self.start()

    def halt(self, number: int = signal.SIGINT) -> None:
        """Ends the server and keeps its files.

        Arguments:
            number: SIGINT does not wait for clients, SIGQUIT is like a crash.
        """
        self.process.kill(number)
        self.process.stop()

    def stop(self) -> None:
        """Ends the server and removes its files."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


class SqliteFile:
    """A SpatiaLite database in a file."""

    kind = "spatialite"

    def __init__(self, folder: Path, name: str = "openwisp2") -> None:
        self.path = folder / f"{name}.db"
        self.env = {"FIRMWARE_DB": self.kind, "FIRMWARE_SQLITE_NAME": str(self.path)}

    def save(self, template: Path) -> None:
        """Copies the file, to which nobody is connected."""
        copy(self.path, template)

    def load(self, template: Path) -> None:
        """Replaces the file, to which nobody is connected."""
        copy(template, self.path)

    def stop(self) -> None:
        """Does nothing, the file goes with its folder."""
