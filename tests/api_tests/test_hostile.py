"""A hostile client on a live server: no request gets a 500, none a foreign row."""

from __future__ import annotations

import http.client
import json
import re

import pytest

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.slow,
    pytest.mark.real_clock,
]
BASE = "/api/v1/firmware-upgrader/"
WRITES = ("POST", "PUT", "PATCH")
FIELDS = (
    *("name", "description", "organization", "category", "version", "os"),
    *("changelog", "type", "file", "image", "upgrade_all", "group", "location"),
    *("upgrade_options", "device", "status"),
)


@pytest.fixture(scope="module")
def world(project):
    """Objects that stay: the server is another process."""
    from .world import World

    return World("hostile-")


class Target:
    """What is sent to the server as one role, and what was wrong with it.

    Arguments:
        web: the server.
        world: the objects.
        role: who asks.
    """

    def __init__(self, web, world, role):
        from . import people
        from .hostile import Browserless

        self.world, self.role = world, role
        user = world.users[role]
        self.client = Browserless(web.url, people.token_of(user))
        self.wrong, self.sent = [], 0
        foreign = world.targets["foreign"]
        objects = [found for found in vars(foreign).values() if hasattr(found, "pk")]
        self.foreign = [str(found.pk).encode() for found in objects]

    def send(self, method, path, body=b"", **headers):
        """Sends a request and judges its answer."""
        from django.core.cache import cache

        what = f"{self.role}: {method} {path[:120]} {body[:80]} {str(headers)[:120]}"
        try:
            status, answer = self.client.send(method, path, body, **headers)
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(f"{what}: {error!r}")
            return
        self.sent += 1
        if self.sent % 500 == 0:
            # the limit of requests per minute is not what is tested
            cache.clear()
        if status >= 500 or status == 429:
            self.wrong.append(f"{what}: {status} {answer[:300]}")
        if self.role != "superuser" and any(pk in answer for pk in self.foreign):
            self.wrong.append(f"{what}: foreign data {answer[:300]}")

    def send_json(self, method, path, value, **headers):
        """Sends a value as JSON."""
        kind = {"Content-Type": "application/json", **headers}
        self.send(method, path, json.dumps(value).encode(), **kind)

    def paths(self):
        """Yields (path, methods) of every route, about objects of the own."""
        from .matrix.rest import Asker, methods_of, routes

        asker = Asker(self.world)
        for name, pattern in routes().items():
            if name != "serve_private_file":
                yield asker._url(name, "own"), methods_of(pattern)


@pytest.fixture(params=("administrator", "superuser"))
def target(request, web, world):
    """Collects what was wrong."""
    found = Target(web, world, request.param)
    yield found
    print(found.sent, "requests as", found.role)
    assert found.wrong == [], "\n".join(found.wrong)


@pytest.mark.long
def test_bodies(target):
    from .hostile import BODIES, TYPES, VALUES

    for path, methods in target.paths():
        for method in sorted(methods & set(WRITES)):
            for body in BODIES:
                target.send(method, path, body, **{"Content-Type": "application/json"})
            for kind in TYPES:
                target.send(method, path, b"name=%FF&x=%00", **{"Content-Type": kind})
            form = "application/x-www-form-urlencoded"
            everything = "&".join(f"{name}=%00%FF" for name in FIELDS).encode()
            target.send(method, path, everything, **{"Content-Type": form})
            for value in VALUES:
                target.send_json(method, path, dict.fromkeys(FIELDS, value))


@pytest.mark.long
def test_single_fields(target):
    from .hostile import NUL, VALUES

    own = target.world.targets["own"]
    good = {
        f"category/{own.category.pk}/": {
            "name": "odd",
            "organization": str(own.organization.pk),
            "description": "",
        },
        f"build/{own.build.pk}/": {
            "category": str(own.category.pk),
            "version": "odd",
            "os": None,
            "changelog": "",
        },
        f"device/{own.device.pk}/firmware/": {
            "image": str(own.image.pk),
            "upgrade_options": {},
        },
    }
    for path, body in good.items():
        for name in body:
            for value in VALUES:
                target.send_json("PUT", BASE + path, {**body, name: value})
    launch = {"upgrade_all": False, "group": None, "location": None}
    launch["upgrade_options"] = {}
    for name in launch:
        for value in VALUES:
            path = f"{BASE}build/{own.build.pk}/upgrade/"
            target.send_json("POST", path, {**launch, name: value})
    for options in (
        {"c": []},
        {"c": None, "n": 1},
        {"": True},
        {"x" * 999: True},
        {NUL: NUL},
    ):
        path = f"{BASE}build/{own.build.pk}/upgrade/"
        target.send_json("POST", path, {"upgrade_options": options})


@pytest.mark.long
def test_queries(target):
    from .hostile import QUERIES

    for path, methods in target.paths():
        if "GET" in methods:
            for query in QUERIES:
                target.send("GET", f"{path}?{query}")


def test_headers(target):
    from .hostile import HEADERS

    for path, _methods in target.paths():
        for headers in HEADERS:
            # Daphne itself refuses this one, without an answer of ours
            if "Content-Length" not in headers:
                target.send("GET", path, **headers)
    path = f"{BASE}build/{target.world.targets['own'].build.pk}/upgrade/"
    for headers in HEADERS:
        if "Idempotency-Key" in headers:
            target.send_json("POST", path, {}, **headers)


def test_uploads(target):
    from .hostile import BOUNDARY, uploads
    from .world import OTHER_TYPE

    own = target.world.targets["own"]
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for body in uploads(OTHER_TYPE):
        target.send("POST", f"{BASE}build/{own.build.pk}/image/", body, **kind)
        own.build.firmwareimage_set.filter(type=OTHER_TYPE).delete()


def test_paths(target):
    from .hostile import PATHS

    for path in PATHS:
        target.send("GET", BASE + path.format(pk=target.world.targets["own"].build.pk))
    for path in ("%00", "..%2f..%2fetc%2fpasswd", "a" * 3000, "%FF", "."):
        target.send("GET", f"/firmware/{path}")


def everything(socket):
    """Returns what a socket says until it has been silent for long."""
    import websocket

    # many questions are answered; the first may be a while in coming
    heard = [socket.recv()]
    socket.settimeout(10)
    try:
        while True:
            heard.append(socket.recv())
    except websocket.WebSocketTimeoutException:
        socket.settimeout(60)
    return heard


def test_sockets(project, web, world):
    import websocket

    from . import people
    from .hostile import ASKS, FRAMES
    from .sockets import connect

    before = len(web.process.log.read_text(errors="replace"))
    own = world.targets["own"]
    cookie = people.cookie_of(world.users["administrator"])
    paths = (
        f"upgrade-operation/{own.failed.pk}",
        f"batch-upgrade-operation/{own.failed_batch.pk}",
        f"device/{own.failed.device_id}",
    )
    foreign = re.compile(str(world.targets["foreign"].failed.pk))
    for path in paths:
        socket = connect(web, path, cookie)
        for frame in FRAMES:
            socket.send(frame)
        socket.send(b"\x00\xff", opcode=websocket.ABNF.OPCODE_BINARY)
        for ask in ASKS:
            socket.send(json.dumps(ask))
        # still there after all of that, and knows the state
        socket.send(json.dumps({"type": "request_current_state", "protocol": 2}))
        heard = everything(socket)
        socket.send(json.dumps({"type": "request_current_state"}))
        assert json.loads(socket.recv())["type"] in ("operation_update", "batch_state")
        assert heard
        assert not any(foreign.search(text) for text in heard)
        socket.close()
    assert "Traceback" not in web.process.log.read_text(errors="replace")[before:]
