"""Which operations of a mass upgrade one listener may hear of, at the moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

# the package: what may be replaced there is looked up at each use
from .. import websockets as seams
from ..live import payloads, snapshots
from ..protocols import PrimaryKey, User
from ..selectors import access
from . import sockets
from .single_flight import Shared


class Sight:
    """What of a batch's events a listener is told: nothing about foreign devices.

    Which operations are whose is looked up for all of them at once, when an event
    comes and the last look is older than the sockets' pause between two looks. An
    operation that was not there at the last look is a reason to look again.

    Arguments:
        pk: primary key of the batch.
        shared: where sockets whose listeners manage the same share their looks.
    """

    def __init__(self, pk: PrimaryKey, shared: Shared) -> None:
        self.pk = pk
        self._shared = shared
        self._seen: set[str] = set()
        self._hidden: set[str] = set()
        self._looked_at: float | None = None

    async def of(self, data: object, user: User | None) -> Any:
        """Returns what is told of an event, None for nothing.

        Arguments:
            data: the payload of the event.
            user: who listens.
        """
        if access.sees_all(user) or not isinstance(data, Mapping):
            return data
        if operation := data.get("operation_id") or payloads.operation_told(data):
            return data if await self._shows(str(operation), user) else None
        if data.get("type") != "batch_status":
            return data
        await self._look_if_old(user)
        return await self._counted(data, user) if self._hidden else data

    async def _shows(self, operation: str, user: User | None) -> bool:
        await self._look_if_old(user)
        if operation not in self._seen and operation not in self._hidden:
            await self._look(user)
            # neither now: gone, or not committed for us
            self._hidden |= {operation} - self._seen
        return operation in self._seen

    async def _look_if_old(self, user: User | None) -> None:
        last, now = self._looked_at, time.monotonic()
        if last is None or now - last >= sockets.LOOK_EVERY:
            await self._look(user)

    async def _look(self, user: User | None) -> None:
        now = time.monotonic()
        seen, hidden = await self.answer(snapshots.seen_and_hidden, self.pk, user=user)
        self._seen, self._hidden, self._looked_at = set(seen), set(hidden), now

    async def _counted(self, data: Mapping[str, object], user: User | None) -> Any:
        found = await self.answer(snapshots.batch_status, self.pk, user=user)
        # the status is the batch's own, whoever asks
        numbers = {k: v for k, v in (found or {}).items() if k in data}
        return {**data, **numbers, "status": data.get("status")} if found else None

    async def answer(
        self, make: Callable[..., object], *args: object, user: User | None
    ) -> Any:
        """Returns what a function answers, made once for equal listeners.

        Arguments:
            make: the function; it takes the user by name.
            args: its other arguments.
            user: who listens.
        """
        organizations = None
        if not access.sees_all(user):
            organizations = await seams.sync_to_async(access.organizations_of)(user)
        key = (make, *args, organizations)
        call = seams.sync_to_async(partial(make, *args, user=user))
        return await self._shared.get(key, call)
