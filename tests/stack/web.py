"""The web server of the sample project, websockets included."""

from __future__ import annotations

import socket
import sys

from .processes import Process
from .project import TESTS, Project, free_port


class Web:
    """Daphne on a free port of loopback; end it with ``stop``.

    Arguments:
        project: whose database and Redis it uses.
        env: further values of the environment.
    """

    def __init__(self, project: Project, **env: str) -> None:
        self.project = project
        self.env = env
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Starts the server, on the same port as before, and waits for it."""
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1"]
        command += ["-p", str(self.port), "openwisp2.asgi:application"]
        # Django serves its static files in debug mode only
        env = self.project.whole_environment(DEBUG="1", **self.env)
        log = self.project.folder / f"daphne{self.port}.log"
        self.process = Process(command, log, env=env, cwd=TESTS)
        self.process.wait_until(self._answers, "daphne", 60)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Ends the server."""
        self.process.stop(3)
