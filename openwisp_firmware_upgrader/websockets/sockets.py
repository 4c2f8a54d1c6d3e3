"""What all sockets share: who is let in, and how they tell what happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

# the package: what may be replaced there is looked up at each use
from .. import websockets as seams
from ..live import payloads
from ..live.log_cursor import Follower
from ..protocols import JsonObject, PrimaryKey, User
from . import auth

# seconds between two looks for what was lost on the way, and how many of them
# go by until the authorization is checked again
LOOK_EVERY = 10.0
LOOKS_TO_RECHECK = 5


class AuthenticatedWebSocketConsumer(AsyncJsonWebsocketConsumer):
    """Lets in who may listen, forwards events, answers requests for the state."""

    # name of the argument in the URL
    kwarg = ""
    # of the primary key: group and organization
    group_of: Callable[[PrimaryKey], str]
    organization_of: Callable[[PrimaryKey], PrimaryKey | None]

    joined = ""
    # the user as of the last check
    listener: User | None = None
    watch: asyncio.Task[None] | None = None
    # the status that the client knows, empty before it has asked
    told = ""

    def get_model(self) -> type[Model]:
        """Returns the model whose permissions count."""
        raise NotImplementedError

    async def answer(self, content: JsonObject) -> None:
        """Answers a request for the present state."""
        raise NotImplementedError

    async def catch_up(self) -> None:
        """Tells what the client should have heard but may have not."""

    @property
    def pk(self) -> Any:
        """The primary key in the URL, None without one."""
        return self.scope.get("url_route", {}).get("kwargs", {}).get(self.kwarg)

    async def connect(self) -> None:
        """Accepts whoever may listen, refuses everybody else."""
        if not self.pk:
            seams.logger.error("The URL of a socket has no %s", self.kwarg)
            await self.close()
            return
        user = self.scope.get("user")
        if not await self._may_listen(user) or not await self._join():
            await self.close()
            return
        await self.accept()
        self.watch = asyncio.create_task(self._watch())

    async def _may_listen(self, user: User | None) -> bool:
        check = sync_to_async(auth.may_listen)
        kind = type(self)
        if not await check(user, self.get_model(), kind.organization_of, self.pk):
            return False
        self.listener = user
        return True

    async def _join(self) -> bool:
        group = type(self).group_of(self.pk)
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except Exception:  # noqa: BLE001 each layer raises errors of its own
            seams.logger.exception("A socket could not join %s", group)
            return False
        self.joined = group
        return True

    async def _watch(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_EVERY)
            looks += 1
            try:
                is_due = looks % LOOKS_TO_RECHECK == 0 or await self._has_moved()
                if is_due and await self._leave_if_revoked():
                    return
                await self.catch_up()
            except Exception:  # noqa: BLE001 a database that is away comes back
                seams.logger.warning("A socket could not look", exc_info=True)

    async def _has_moved(self) -> bool:
        # the object may belong to another organization since the last look
        has_moved = sync_to_async(auth.has_moved)
        return await has_moved(self.listener, type(self).organization_of, self.pk)

    async def _leave_if_revoked(self) -> bool:
        user = await sync_to_async(auth.refreshed)(self.scope.get("user"))
        if await self._may_listen(user):
            return False
        await self.close()
        return True

    async def disconnect(self, close_code: int) -> None:
        """Leaves the group, if it was joined."""
        if self.watch is not None:
            self.watch.cancel()
        if not self.joined:
            return
        try:
            await self.channel_layer.group_discard(self.joined, self.channel_name)
        except Exception:  # noqa: BLE001 each layer raises errors of its own
            seams.logger.warning(
                "A socket could not leave %s", self.joined, exc_info=True
            )

    async def receive(
        self,
        text_data: str | None = None,
        bytes_data: bytes | None = None,
        **kwargs: object,
    ) -> None:
        """Ignores, with a warning, what is no JSON object."""
        try:
            content = json.loads(text_data) if text_data else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            seams.logger.warning("A socket got a message that is no JSON object")
            return
        await self.receive_json(content)

    async def receive_json(self, content: JsonObject, **kwargs: object) -> None:
        """Answers the one request there is."""
        if content.get("type") != "request_current_state":
            seams.logger.warning("A socket got an unknown message: %.80r", content)
            return
        try:
            if not await self._leave_if_revoked():
                await self.answer(content)
        except Exception:  # noqa: BLE001 whatever it is, the socket stays
            seams.logger.exception("A socket could not answer")

    async def say(self, messages: list[JsonObject]) -> None:
        """Sends messages, and remembers which status they tell."""
        for message in messages:
            await self.send_json(message)
            self.told = payloads.status_told(message) or self.told

    async def forward(self, event: JsonObject) -> None:
        """Sends the payload of a group message as it is."""
        await self.say([event["data"]])

    @classmethod
    async def encode_json(cls, content: object) -> str:
        """Returns JSON; dates, UUIDs, decimals and lazy texts are fine."""
        return json.dumps(content, cls=DjangoJSONEncoder)


class FollowingConsumer(AuthenticatedWebSocketConsumer):
    """A socket that tells logs, whole or line by line as the client asks."""

    # by primary key of the operation, None for clients of the first protocol
    followers: dict[str, Follower] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # looks and events come from two tasks, lines must stay in order
        self.telling = asyncio.Lock()

    async def follow(self, pks: list[PrimaryKey], after: dict[str, int]) -> None:
        """Begins to tell operations line by line.

        Arguments:
            pks: their primary keys.
            after: number of the last line that the client has, by primary key.
        """
        async with self.telling:
            self.followers = {
                pk: Follower(pk, after.get(pk, 0)) for pk in map(str, pks)
            }
            for follower in self.followers.values():
                await self._tell(follower)

    async def unfollow(self) -> None:
        """Goes on with whole logs."""
        async with self.telling:
            self.followers = None

    async def _tell(self, follower: Follower) -> None:
        await self.say(await seams.sync_to_async(follower.news)())

    async def catch_up(self) -> None:
        """Tells what is new about operations that have not ended."""
        async with self.telling:
            for follower in list((self.followers or {}).values()):
                if not follower.ended:
                    await self._tell(follower)

    async def forward(self, event: JsonObject) -> None:
        """Sends an event; to followers the news that it stands for."""
        pk = payloads.operation_told(event["data"])
        async with self.telling:
            if self.followers is None or pk is None:
                await super().forward(event)
            else:
                await self._try_to_tell(self.followers.setdefault(pk, Follower(pk)))

    async def _try_to_tell(self, follower: Follower) -> None:
        try:
            await self._tell(follower)
        except Exception:  # noqa: BLE001 the next event or look makes up for it
            seams.logger.warning("A socket could not read a log", exc_info=True)
