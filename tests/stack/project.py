"""The sample project on private servers: its environment, commands and workers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .processes import Process
from .servers import PostgreSQL, Redis, SqliteFile
from .templates import migrated

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent

# boot time of simulated devices and waits around it, in seconds
BOOT = 2
FAST = {
    "FIRMWARE_OPENWRT_SETTINGS": {
        "reconnect_delay": 2,
        "reconnect_retry_delay": 1,
        "reconnect_max_retries": 6,
        "upgrade_timeout": 8,
    },
    "FIRMWARE_LEASE": {"seconds": 5, "tick": 2},
    "FIRMWARE_RETRY_OPTIONS": {
        "max_retries": 4,
        "retry_backoff": 2,
        "retry_backoff_max": 4,
        "retry_jitter": False,
    },
    "FIRMWARE_SSH_SETTINGS": {
        "CONNECTION_TIMEOUT": 4,
        "BANNER_TIMEOUT": 10,
        "AUTH_TIMEOUT": 5,
        "COMMAND_TIMEOUT": 10,
    },
}


class Project:
    """The sample project in a folder of its own.

    Arguments:
        database: ``postgres`` or ``spatialite``.
        settings: values of the environment, JSON is made of what is no text.
        folder: None makes a temporary one with a short path.
    """

    def __init__(
        self,
        database: str = "postgres",
        settings: dict[str, object] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="fw", dir="/tmp"))
        self.workers: list[Worker] = []
        kind = PostgreSQL if database == "postgres" else SqliteFile
        self.redis = Redis(self.folder)
        try:
            self.database = kind(self.folder)
        except BaseException:
            self.redis.stop()
            raise
        self.env = self._environment({**FAST, **(settings or {})})

    def _environment(self, settings: dict[str, object]) -> dict[str, str]:
        images = self.folder / "private"
        images.mkdir(exist_ok=True)
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.items()
        }
        return {
            "DJANGO_SETTINGS_MODULE": "openwisp2.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)]),
            "PRIVATE_STORAGE_ROOT": str(images),
            "DEBUG": "0",
            "TESTING": "0",
            **self.redis.env,
            **self.database.env,
            **texts,
        }

    def whole_environment(self, **extra: str) -> dict[str, str]:
        """Returns our environment with that of the project."""
        return {**os.environ, **self.env, **extra}

    def manage(self, *arguments: str) -> str:
        """Runs a management command; RuntimeError with its output if it fails."""
        done = subprocess.run(
            [sys.executable, str(TESTS / "manage.py"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=TESTS,
            env=self.whole_environment(),
        )
        if done.returncode:
            raise RuntimeError(f"{arguments} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def migrate(self) -> None:
        """Makes the tables of the empty database, to which nobody is connected."""
        migrated(self.database, lambda: self.manage("migrate", "-v0"))

    def worker(
        self,
        *options: str,
        pool: str = "threads",
        slots: int = 8,
        app: str = "openwisp2",
        core: int | None = None,
        **env: str,
    ):
        """Starts a Celery worker of the module ``app`` and waits until it is ready.

        It is kept on one core if ``core`` names one.
        """
        worker = Worker(self, app, pool, slots, options, env, core)
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> None:
        """Kills all workers."""
        for worker in self.workers:
            worker.process.kill()
        self.workers.clear()

    def stop(self) -> None:
        """Ends everything and removes a temporary folder."""
        self.stop_workers()
        self.redis.stop()
        self.database.stop()
        if self.is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """A Celery worker in a process group of its own."""

    number = 0

    def __init__(
        self,
        project: Project,
        app: str,
        pool: str,
        slots: int,
        options,
        env,
        core: int | None = None,
    ):
        Worker.number += 1
        name = f"worker{Worker.number}"
        # taskset becomes the program it starts
        command = [] if core is None else ["taskset", "-c", str(core)]
        command += [sys.executable, "-m", "celery", "-A", app, "worker"]
        command += ["-P", pool, "-c", str(slots), "-n", f"{name}@%h", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle", *options]
        self.name = name
        self.process = Process(
            command,
            project.folder / f"{name}.log",
            env=project.whole_environment(**env),
            cwd=TESTS,
        )
        self.process.wait_until(self._is_ready, f"the Celery {name}", 60)

    def _is_ready(self) -> bool:
        return " ready." in self.process.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kills the whole process group with SIGKILL."""
        self.process.kill()


def wait_for(condition, what: str, seconds: float, every: float = 0.05):
    """Waits for a true value and returns it; AssertionError when it does not come."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
