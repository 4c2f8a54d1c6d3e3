"""Who hears what on which socket: the rows of ``sockets.txt``.

The answer is ``no`` when the socket is refused, else the number of operations that are
told when the state is asked for and when each operation tells of itself.

Methods are what happens to the object after the socket was opened by who may: ``open``
nothing, ``ask`` a change, then the state is asked for, ``hear`` a change, then the
socket looks as often as it takes to look at the whole permission again, which it does
each fifth time. ``gone`` is a socket that was closed then.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import json

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import transaction

from openwisp_firmware_upgrader import routing
from openwisp_firmware_upgrader.live import groups, payloads
from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.tests.sockets import Socket, until
from openwisp_firmware_upgrader.websockets import sockets as module

from ..world import UNKNOWN
from . import situations
from .situations import ROLES
from .tables import Table

TABLE = Table("sockets", ROLES)
TARGETS = (*situations.TARGETS, "unknown")
STATE = {"type": "request_current_state"}
END = {"type": "end"}
# the object of a target and the group of the sockets of each kind
KINDS = {
    "operation_id": ("failed", groups.operation_group, "upgrade_progress"),
    "batch_id": ("failed_batch", groups.batch_group, "batch_upgrade_progress"),
    "device_id": ("failed_device", groups.device_group, "send_update"),
}
CHANGES = ("moved", "handed", "disabled", "demoted", "stripped")


def routes():
    """Returns the paths by their argument; "" is all that has none."""
    found = {}
    for pattern in routing.get_routes():
        (kind,) = pattern.pattern.converters or ("",)
        if kind in found:
            raise ValueError(f"a second route of the kind: {pattern}")
        found[kind] = str(pattern.pattern)
    return found


def cells():
    """Yields (kind, method, target) for everything that can be asked."""
    for kind in routes():
        for target in TARGETS if kind else TARGETS[:1]:
            yield kind or "other", "open", target
        for method in ("ask", "hear") if kind else ():
            for change in CHANGES:
                yield kind, method, change


class Listener:
    """One socket of one role.

    Arguments:
        world: the objects and users.
        role: who listens.
        kind: of the socket.
        target: whose object it is.
    """

    def __init__(self, world, role, kind, target):
        self.world, self.role, self.kind = world, role, kind
        self.target = world.targets.get(target)
        chosen = KINDS.get(kind, KINDS["operation_id"])
        self.pk = self._pk(chosen[0])
        path = routes()[kind if kind in KINDS else ""].strip("^")
        path = path.replace(f"<uuid:{kind}>", str(self.pk))
        self.socket = Socket(URLRouter(routing.get_routes()), path)
        self.group, self.event = chosen[1](self.pk), chosen[2]

    def _pk(self, name):
        if self.target is None:
            return UNKNOWN
        failed = self.target.failed
        return (
            failed.device_id
            if name == "failed_device"
            else getattr(self.target, name).pk
        )

    async def open(self):
        """Tells whether the socket was accepted."""
        user = self.world.users[self.role]
        # as it comes from the session
        self.socket.scope["user"] = (
            await get_user_model().objects.aget(pk=user.pk) if user else AnonymousUser()
        )
        accepted, _code = await self.socket.connect()
        return accepted

    async def ask(self):
        """Asks for the state; returns how many operations it tells, or ``gone``."""
        await self.socket.send_json_to(STATE)
        # nothing is told about what does not exist
        return await self._next() if self.target else 0

    async def _next(self):
        output = await self.socket.receive_output()
        if output["type"] == "websocket.close":
            return "gone"
        if output["text"] == json.dumps(END):
            return "end"
        return int(str(self.target.failed.pk) in output["text"])

    async def hear(self):
        """Sends events; returns how many operations they tell, or ``gone``."""
        for data in (await self._event(), END) if self.target else ():
            message = {"type": self.event, "data": data}
            await get_channel_layer().group_send(self.group, message)
        found = 0
        while self.target and (heard := await self._next()) != "end":
            if heard == "gone":
                return heard
            found += heard
        return found

    async def _event(self):
        rows = load_model("UpgradeOperation").objects
        rows = rows.select_related("device", "image__build__category")
        operation = await rows.aget(pk=self.target.failed.pk)
        if self.kind != "batch_id":
            return payloads.operation_update(
                payloads.operation_data(operation), operation
            )
        return payloads.operation_progress(
            operation.pk,
            operation.status,
            operation.progress,
            operation.modified,
            payloads.device_info(operation),
        )

    async def close(self):
        """Ends the socket."""
        await self.socket.disconnect()


class Asker:
    """Opens sockets as each of the roles.

    Arguments:
        world: the objects and users.
    """

    def __init__(self, world):
        self.world = world
        self.looks = 0

    def begin(self):
        """Nothing has to begin: each socket is a session of its own."""

    def count(self, catch_up):
        """Returns the method of a consumer that ends each look, counted."""

        async def counted(consumer):
            await catch_up(consumer)
            self.looks += 1

        return counted

    async def ask(self, role, kind, method, target):
        """Returns what one role is told."""
        start = target if method == "open" else "own"
        listener = Listener(self.world, role, kind, start)
        point = await sync_to_async(transaction.savepoint)()
        try:
            if not await listener.open():
                return "no"
            return str(await self._listen(listener, role, method, target))
        finally:
            await listener.close()
            await sync_to_async(transaction.savepoint_rollback)(point)
            # what it tells of memberships was undone
            await sync_to_async(cache.clear)()

    async def _listen(self, listener, role, method, target):
        if method == "open":
            return await listener.ask() + await listener.hear()
        await sync_to_async(self._change)(target, role)
        if method == "ask":
            return await listener.ask()
        self.looks = 0
        await until(lambda: self._is_settled(listener))
        return await listener.hear()

    def _is_settled(self, listener):
        closed = not listener.socket.output_queue.empty()
        return closed or self.looks > module.LOOKS_TO_RECHECK

    def _change(self, name, role):
        own, foreign = (self.world.organizations[key] for key in ("own", "foreign"))
        chosen, user = self.world.targets["own"], self.world.users[role]
        if name == "moved":
            situations.move(chosen.failed.device, to=foreign)
        elif name == "handed":
            situations.hand_over(chosen.category, to=foreign)
        elif name == "disabled":
            situations.disable(own)
        elif name == "stripped":
            situations.strip(user)
        elif not user.is_superuser:
            situations.demote(user, own)
        else:
            type(user).objects.filter(pk=user.pk).update(is_superuser=False)
