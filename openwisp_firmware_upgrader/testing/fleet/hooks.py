"""Places where a test makes devices wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

HOOKS = (
    "before_first_command",
    "mid_upload",
    "in_test",
    "flash_received_not_answered",
    "flash_answered",
    "rebooting",
    "verify_connected",
)
DEFAULT_LIMIT = 120.0


@dataclass
class _Armed:
    """One hook: for which devices, who reached it, who waits in it now."""

    devices: frozenset[int] | None
    limit: float
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[int] = field(default_factory=list)


class Hooks:
    """The hooks of a fleet; devices are named by their index.

    An armed hook holds every device that arrives until it is released, the wait
    is cancelled (the client went away) or ``limit`` seconds have passed.
    """

    def __init__(self) -> None:
        self._armed: dict[str, _Armed] = {}
        self._reached: dict[str, list[int]] = {name: [] for name in HOOKS}
        self._changed = asyncio.Condition()

    def arm(
        self, name: str, devices: list[int] | None = None, limit: float | None = None
    ) -> None:
        """Hold ``devices`` (None = all) at ``name``; forgets who was there before.

        Raises `ValueError` for an unknown hook.
        """
        self._check(name)
        self.release(name)
        chosen = None if devices is None else frozenset(devices)
        self._reached[name] = []
        self._armed[name] = _Armed(chosen, limit or DEFAULT_LIMIT)

    def release(self, name: str) -> int:
        """Let go who waits and hold nobody more; returns how many waited."""
        self._check(name)
        armed = self._armed.pop(name, None)
        if armed is None:
            return 0
        armed.opened.set()
        return len(armed.waiting)

    def release_all(self) -> None:
        """Release every hook and forget who reached them."""
        for name in HOOKS:
            self.release(name)
            self._reached[name] = []

    async def pass_by(self, name: str, device: int) -> None:
        """Called by a device that arrives at ``name``; returns when it may go."""
        armed = self._armed.get(name)
        if armed is None or (armed.devices is not None and device not in armed.devices):
            return
        armed.waiting.append(device)
        try:
            async with self._changed:
                self._reached[name].append(device)
                self._changed.notify_all()
            await asyncio.wait_for(armed.opened.wait(), armed.limit)
        except asyncio.TimeoutError:
            return
        finally:
            armed.waiting.remove(device)

    async def wait_reached(self, name: str, count: int, timeout: float) -> list[int]:
        """Return the devices that reached ``name`` as soon as they are ``count``.

        Returns fewer when ``timeout`` seconds have passed.
        """
        self._check(name)

        async def enough() -> None:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: len(set(self._reached[name])) >= count
                )

        try:
            await asyncio.wait_for(enough(), timeout)
        except asyncio.TimeoutError:
            return self._reached[name]
        return self._reached[name]

    def report(self) -> dict[str, dict[str, object]]:
        """Return which hooks are armed, who reached them and who waits."""
        return {
            name: {
                "armed": name in self._armed,
                "reached": list(self._reached[name]),
                "waiting": list(self._armed[name].waiting)
                if name in self._armed
                else [],
            }
            for name in HOOKS
        }

    def _check(self, name: str) -> None:
        if name not in HOOKS:
            raise ValueError(f"no hook {name!r}, there are: {', '.join(HOOKS)}")
