"""The sockets that browsers open: one each for operation, batch and device."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

from django.db.models import Model
from swapper import load_model as load_any_model

# the package: what may be replaced there is looked up at each use
from .. import websockets as seams
from ..live import groups, payloads, snapshots
from ..live.log_cursor import last_line, speaks_protocol_2
from ..protocols import JsonObject, PrimaryKey
from ..swapper import load_model
from . import auth
from .single_flight import Shared
from .sockets import AuthenticatedWebSocketConsumer, FollowingConsumer
from .visibility import Sight

PAGE_SIZE = 100

shared = Shared()


class UpgradeProgressConsumer(FollowingConsumer):
    """Events of one upgrade operation."""

    kwarg = "operation_id"
    group_of = staticmethod(groups.operation_group)
    organization_of = staticmethod(auth.organization_of_operation)

    def get_model(self) -> type[Model]:
        """Returns the model of upgrade operations."""
        return load_model("UpgradeOperation")

    async def answer(self, content: JsonObject) -> None:
        """Sends the operation with its log, or the lines after ``after_seq``."""
        if speaks_protocol_2(content):
            known = {str(self.pk): last_line(content.get("after_seq"))}
            await self.follow([self.pk], known)
            return
        await self.unfollow()
        times = payloads.asks_for_times(content)
        state = partial(snapshots.operation_state, self.pk, times=times)
        await self.say(await seams.sync_to_async(state)())

    async def catch_up(self) -> None:
        """Tells what is new, or an end that was not heard of."""
        await super().catch_up()
        if self.followers is None and self.told:
            state = partial(snapshots.ended_operation, self.pk, self.told)
            await self.say(await seams.sync_to_async(state)())

    async def upgrade_progress(self, event: JsonObject) -> None:
        """Forwards an event."""
        await self.forward(event)


class BatchUpgradeProgressConsumer(AuthenticatedWebSocketConsumer):
    """Events of one mass upgrade operation."""

    kwarg = "batch_id"
    group_of = staticmethod(groups.batch_group)
    organization_of = staticmethod(auth.organization_of_batch)

    def get_model(self) -> type[Model]:
        """Returns the model of mass upgrade operations."""
        return load_model("BatchUpgradeOperation")

    @cached_property
    def sight(self) -> Sight:
        """What this socket may tell of the batch."""
        return Sight(self.pk, shared)

    async def answer(self, content: JsonObject) -> None:
        """Sends the batch with all its operations, or with one page of them."""
        if speaks_protocol_2(content):
            size = min(last_line(content.get("page_size")) or PAGE_SIZE, PAGE_SIZE)
            page = min(last_line(content.get("page")) or 1, payloads.LAST_PAGE)
            asked: tuple[Any, ...] = (snapshots.batch_page, self.pk, page, size)
        else:
            wanted = snapshots.wanted_operations(content)
            asked = (snapshots.batch_state, self.pk, wanted)
        await self.say(await self.sight.answer(*asked, user=self.listener))

    async def catch_up(self) -> None:
        """Tells an end that was not heard of."""
        if self.told:
            asked = (snapshots.ended_batch, self.pk, self.told)
            await self.say(await self.sight.answer(*asked, user=self.listener))

    async def batch_upgrade_progress(self, event: JsonObject) -> None:
        """Forwards an event, as far as its operations are the listener's."""
        try:
            data = await self.sight.of(event["data"], self.listener)
        except Exception:  # noqa: BLE001 the next event or look makes up for it
            seams.logger.warning("A socket could not look whose", exc_info=True)
            return
        if data is not None:
            await self.forward({**event, "data": data})


class DeviceUpgradeProgressConsumer(FollowingConsumer):
    """Events of all upgrade operations of one device."""

    kwarg = "device_id"
    group_of = staticmethod(groups.device_group)
    organization_of = staticmethod(auth.organization_of_device)

    def get_model(self) -> type[Model]:
        """Returns the model of devices."""
        return load_any_model("config", "Device")

    async def answer(self, content: JsonObject) -> None:
        """Sends the last operations, with their logs or line by line.

        ``after_seq`` is an object here: number of the last line by operation.
        """
        if speaks_protocol_2(content):
            found = await seams.sync_to_async(self._recent)()
            after = content.get("after_seq")
            known = after if isinstance(after, dict) else {}
            await self.follow(found, {pk: last_line(n) for pk, n in known.items()})
            return
        await self.unfollow()
        times = payloads.asks_for_times(content)
        state = partial(snapshots.device_operations, self.pk, times=times)
        for operation in await seams.sync_to_async(state)():
            beside = operation.pop(snapshots.BESIDE, {})
            message = {**payloads.operation_update(operation), **beside}
            await self.send_json(payloads.stamped(message))

    def _recent(self) -> list[PrimaryKey]:
        return list(snapshots.recent_operations(self.pk).values_list("pk", flat=True))

    async def send_update(self, event: JsonObject) -> None:
        """Forwards an event."""
        await self.forward(event)
