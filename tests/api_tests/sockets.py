"""Clients of the websockets, each in a thread of its own."""

from __future__ import annotations

import json
import threading
import time

import websocket

SILENCE = 0.2


def connect(web, path, cookie=""):
    """Returns an open connection; an exception when it is refused."""
    url = f"{web.url.replace('http', 'ws', 1)}/ws/firmware-upgrader/{path}/"
    return websocket.create_connection(url, timeout=60, cookie=cookie)


class Listener(threading.Thread):
    """Keeps what one socket hears.

    Arguments:
        web: the web server.
        path: of the socket.
        cookie: of the session.
        ask: further keys of the request for the state.
    """

    def __init__(self, web, path, cookie, **ask):
        super().__init__(daemon=True)
        self.web, self.path, self.cookie = web, path, cookie
        self.ask = {"type": "request_current_state", **ask}
        self.messages = []
        self.done = threading.Event()
        self.socket = self.open()

    def open(self, **more):
        """Returns a connection that has asked for the state."""
        opened = connect(self.web, self.path, self.cookie)
        opened.settimeout(SILENCE)
        opened.send(json.dumps({**self.ask, **more}))
        return opened

    def run(self):
        """Listens until it is stopped."""
        while not self.done.is_set():
            message = self.receive()
            if message is not None:
                self.hear(message)
        self.socket.close()

    def receive(self):
        """Returns the next message, None when there is none for a moment."""
        try:
            return json.loads(self.socket.recv())
        except websocket.WebSocketTimeoutException:
            return None

    def hear(self, message):
        """Keeps a message."""
        self.messages.append(message)

    def stop(self):
        """Ends listening and returns what was heard."""
        self.done.set()
        self.join(10)
        return self.messages


class Dropper(Listener):
    """Follows a log with protocol 2, and loses its connection now and then.

    Arguments:
        drops: numbers of lines after which it does.
        pause: seconds that it is away.
    """

    def __init__(self, web, path, cookie, drops, pause):
        self.lines = []
        self.status = ""
        self.drops = sorted(drops)
        self.pause = pause
        self.resumed = []
        super().__init__(web, path, cookie, protocol=2)

    def hear(self, message):
        """Keeps lines, and drops the connection when it is time."""
        super().hear(message)
        if message["type"] == "operation_update":
            self.status = message["operation"]["status"]
        if message["type"] != "log_line":
            return
        assert message["seq"] == len(self.lines) + 1, "a line is missing or repeated"
        self.lines.append(message["line"])
        if self.drops and len(self.lines) >= self.drops[0]:
            self.drops.pop(0)
            self.drop()

    def drop(self):
        """Breaks the connection without a word, and resumes."""
        self.socket.sock.close()
        time.sleep(self.pause)
        self.resumed.append(len(self.lines))
        self.socket = self.open(after_seq=len(self.lines))
