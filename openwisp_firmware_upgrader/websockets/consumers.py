"""The sockets that browsers open: one each for operation, batch and device."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.serializers.json import DjangoJSONEncoder
from swapper import load_model as load_any_model

from ..swapper import load_model
from . import auth, groups, states

logger = logging.getLogger(__name__)

RECHECK_EVERY = 60.0
LAYER_ERRORS = (ConnectionError, TimeoutError, RuntimeError, OSError)


class AuthenticatedWebSocketConsumer(AsyncJsonWebsocketConsumer):
    """Lets in who may listen, forwards events, answers requests for the state."""

    # name of the argument in the URL
    kwarg = ""
    # of the primary key: group, state and organization
    group_of: Callable[[Any], str]
    state_of: Callable[[Any], list[dict[str, Any]]]
    organization_of: Callable[[Any], Any]

    joined = ""
    recheck: asyncio.Task[None] | None = None

    def get_model(self) -> Any:
        """Returns the model whose permissions count."""
        raise NotImplementedError

    @property
    def pk(self) -> Any:
        """The primary key in the URL, None without one."""
        return self.scope.get("url_route", {}).get("kwargs", {}).get(self.kwarg)

    async def connect(self) -> None:
        """Accepts whoever may listen, refuses everybody else."""
        if not self.pk:
            logger.error("The URL of a socket has no %s", self.kwarg)
            await self.close()
            return
        if not await self._may_listen() or not await self._join():
            await self.close()
            return
        await self.accept()
        self.recheck = asyncio.create_task(self._recheck())

    async def _may_listen(self) -> bool:
        check = sync_to_async(auth.may_listen)
        user = await sync_to_async(auth.refreshed)(self.scope.get("user"))
        kind = type(self)
        return await check(user, self.get_model(), kind.organization_of, self.pk)

    async def _join(self) -> bool:
        group = type(self).group_of(self.pk)
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except LAYER_ERRORS:
            logger.exception("A socket could not join %s", group)
            return False
        self.joined = group
        return True

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_EVERY)
            await self._leave_if_revoked()

    async def _leave_if_revoked(self) -> bool:
        if await self._may_listen():
            return False
        await self.close()
        return True

    async def disconnect(self, close_code: int) -> None:
        """Leaves the group, if it was joined."""
        if self.recheck is not None:
            self.recheck.cancel()
        if not self.joined:
            return
        try:
            await self.channel_layer.group_discard(self.joined, self.channel_name)
        except (AttributeError, *LAYER_ERRORS):
            logger.warning("A socket could not leave %s", self.joined, exc_info=True)

    async def receive(
        self,
        text_data: str | None = None,
        bytes_data: bytes | None = None,
        **kwargs: Any,
    ) -> None:
        """Ignores, with a warning, what is no JSON object."""
        try:
            content = json.loads(text_data) if text_data else None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            logger.warning("A socket got a message that is no JSON object")
            return
        await self.receive_json(content)

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        """Answers the one request there is."""
        if content.get("type") != "request_current_state":
            logger.warning("A socket got an unknown message: %.80r", content)
            return
        if await self._leave_if_revoked():
            return
        try:
            for message in await sync_to_async(type(self).state_of)(self.pk):
                await self.send_json(message)
        except LAYER_ERRORS:
            logger.exception("A socket could not answer")

    async def forward(self, event: dict[str, Any]) -> None:
        """Sends the payload of a group message as it is."""
        await self.send_json(event["data"])

    @classmethod
    async def encode_json(cls, content: Any) -> str:
        """Returns JSON; dates, UUIDs, decimals and lazy texts are fine."""
        return json.dumps(content, cls=DjangoJSONEncoder)


class UpgradeProgressConsumer(AuthenticatedWebSocketConsumer):
    """Events of one upgrade operation."""

    kwarg = "operation_id"
    group_of = staticmethod(groups.operation_group)
    state_of = staticmethod(states.operation_state)
    organization_of = staticmethod(auth.organization_of_operation)

    def get_model(self) -> Any:
        """Returns the model of upgrade operations."""
        return load_model("UpgradeOperation")

    async def upgrade_progress(self, event: dict[str, Any]) -> None:
        """Forwards an event."""
        await self.forward(event)


class BatchUpgradeProgressConsumer(AuthenticatedWebSocketConsumer):
    """Events of one mass upgrade operation."""

    kwarg = "batch_id"
    group_of = staticmethod(groups.batch_group)
    state_of = staticmethod(states.batch_state)
    organization_of = staticmethod(auth.organization_of_batch)

    def get_model(self) -> Any:
        """Returns the model of mass upgrade operations."""
        return load_model("BatchUpgradeOperation")

    async def batch_upgrade_progress(self, event: dict[str, Any]) -> None:
        """Forwards an event."""
        await self.forward(event)


class DeviceUpgradeProgressConsumer(AuthenticatedWebSocketConsumer):
    """Events of all upgrade operations of one device."""

    kwarg = "device_id"
    group_of = staticmethod(groups.device_group)
    state_of = staticmethod(states.device_state)
    organization_of = staticmethod(auth.organization_of_device)

    def get_model(self) -> Any:
        """Returns the model of devices."""
        return load_any_model("config", "Device")

    async def send_update(self, event: dict[str, Any]) -> None:
        """Forwards an event."""
        await self.forward(event)
