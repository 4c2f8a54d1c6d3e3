"""Which paths of sockets lead somewhere; all others are refused in silence."""

from __future__ import annotations

from uuid import uuid4

from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.test import SimpleTestCase
from django.urls import path

from ..routing import get_routes, websocket_urlpatterns
from .sockets import Socket

PREFIX = "ws/firmware-upgrader"
KINDS = ("upgrade-operation", "batch-upgrade-operation", "device")
ODD = (
    "abc",
    str(uuid4()).upper(),
    uuid4().hex,
    "\x00",
    "a\nb",
    "\udcff",
    "²",
    "9" * 5000,
    "../../",
    f"{uuid4()}/more",
    "",
)


async def accept(scope, receive, send):
    """Another app's socket: accepts everybody."""
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


class TestRouting(SimpleTestCase):
    """As a project has it: our routes with those of others."""

    async def _connect(self, address, routes=None):
        socket = Socket(URLRouter(routes or get_routes()), "/")
        # as a server decodes it, which the communicator does not
        socket.scope.update(path=f"/{address}", user=AnonymousUser())
        answer = await socket.connect()
        await socket.disconnect()
        return answer

    async def test_s11_odd_paths_are_refused_quietly(self):
        paths = [f"{PREFIX}/{kind}/{odd}/" for kind in KINDS for odd in ODD]
        paths += [f"{PREFIX}/", f"{PREFIX}/x", f"{PREFIX}/device/{uuid4()}"]
        for address in paths:
            with self.subTest(path=address[:80]), self.assertNoLogs():
                self.assertEqual(await self._connect(address), (False, 1000))

    async def test_s11_paths_of_others_are_not_touched(self):
        others = [path("ws/other/", accept), path("ws/firmware-upgrader-x/", accept)]
        for routes in (get_routes() + others, others + get_routes()):
            for address in ("ws/other/", "ws/firmware-upgrader-x/"):
                connected, _protocol = await self._connect(address, routes)
                self.assertIs(connected, True)
            unknown = {"type": "websocket", "path": "/ws/unknown/"}
            with self.assertRaisesMessage(ValueError, "No route found"):
                await URLRouter(routes)(unknown, None, None)

    def test_both_names_are_the_same_routes(self):
        self.assertIs(get_routes(), websocket_urlpatterns)
