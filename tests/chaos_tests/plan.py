"""What happens in one run: a pure function of its seed."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SEEDS_FILE = Path(__file__).with_name("seeds.txt")
DEVICES = 6
SLOTS = 3

# kind of fault -> its weight in the draw
KINDS = {
    "sigkill": 4,
    "sigterm": 3,
    "redis_restart": 3,
    "redis_flush": 3,
    "postgres_restart": 3,
    "full_disk": 3,
    "link_down": 3,
    "power_cycle": 2,
    "clock_jump": 3,
    "duplicates": 3,
    "reordered": 3,
    "stale": 3,
    "steal": 4,
    "pause": 3,
    "cancel": 2,
    "relaunch": 2,
}
# what a user may do at any time, no accident
BY_USERS = {"cancel", "relaunch"}
HOOKS = (
    "before_first_command",
    "mid_upload",
    "in_test",
    "flash_received_not_answered",
    "flash_answered",
    "rebooting",
    "verify_connected",
)
# how a device misbehaves besides, by weight
DEVICE_FAULTS = {
    "none": 30,
    "dropped_upload_once": 3,
    "truncated_upload": 2,
    "never_reboots": 1,
    "back_with_old_firmware": 2,
    "refuses": 2,
    "bad_image": 1,
    "no_final_answer": 1,
}
CLOCK_JUMPS = (-86400, -3600, -120, -10, 10, 120, 3600, 86400)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: one of `KINDS`.
        at: seconds after the launch.
        hook: a hook of the fleet that must be reached first, blank for none.
        target: number of the device or worker it hits.
        values: what else it needs, by name.
    """

    kind: str
    at: float
    hook: str = ""
    target: int = 0
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        when = f"{self.at:.1f} s" + (f" and {self.hook}" if self.hook else "")
        values = "".join(f" {k}={v}" for k, v in self.values.items())
        return f"{self.kind} at {when}, target {self.target}{values}"


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        seed: where it came from.
        pools: Celery pool of each worker.
        devices: fault of each device by name.
        link_rate: bytes a second of an upload, None without limit.
        rebuild: whether the new image carries the release the devices run.
        limited: whether the operator has limited how many run at once.
        faults: what goes wrong besides.
    """

    seed: int
    pools: tuple[str, ...]
    devices: tuple[str, ...]
    link_rate: int | None = None
    rebuild: bool = False
    limited: bool = False
    faults: tuple[Fault, ...] = ()

    def only(self, faults: list[Fault]) -> Plan:
        """Returns the same plan with some of its faults."""
        return replace(self, faults=tuple(faults))

    def has(self, *kinds: str) -> bool:
        """Tells whether a fault of one of these kinds is part of it."""
        return any(fault.kind in kinds for fault in self.faults)

    def to_json(self) -> str:
        """Returns the plan as one line that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Returns the plan that `to_json` wrote."""
        data = json.loads(text)
        faults = tuple(Fault(**fault) for fault in data.pop("faults"))
        tuples = {name: tuple(data.pop(name)) for name in ("pools", "devices")}
        return cls(**data, **tuples, faults=faults)

    def __str__(self) -> str:
        head = (
            f"seed {self.seed}: workers {', '.join(self.pools)}; "
            f"devices {', '.join(self.devices)}; link {self.link_rate}; "
            f"rebuild {self.rebuild}; limited {self.limited}"
        )
        return "\n".join([head, *(f"  {fault}" for fault in self.faults)])


def seeds() -> list[int]:
    """Returns the seeds of the suite."""
    return [int(line) for line in SEEDS_FILE.read_text().split()]


def plan_of(seed: int) -> Plan:
    """Returns what happens under a seed, the same at each call."""
    chance = random.Random(seed)
    number = chance.randint(3, 7)
    kinds = chance.choices(list(KINDS), list(KINDS.values()), k=number)
    hooks = chance.sample(HOOKS, len(HOOKS))
    faults = [_fault(chance, kind, hooks) for kind in kinds]
    devices = chance.choices(
        list(DEVICE_FAULTS), list(DEVICE_FAULTS.values()), k=DEVICES
    )
    rebuild = chance.random() < 0.15
    if rebuild:
        # with one release for both nothing but the boot id tells: a device that
        # lost its power, or flashed in vain, cannot be told from an upgraded one
        devices = [
            "none" if name == "back_with_old_firmware" else name for name in devices
        ]
        faults = [
            replace(fault, kind="link_down") if fault.kind == "power_cycle" else fault
            for fault in faults
        ]
    return Plan(
        seed=seed,
        pools=tuple(chance.choice(("threads", "prefork")) for _ in range(2)),
        devices=tuple(devices),
        link_rate=chance.choice((None, 100_000, 200_000, 400_000)),
        rebuild=rebuild,
        limited=chance.random() < 0.3,
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
    )


def _fault(chance: random.Random, kind: str, hooks: list[str]) -> Fault:
    at = round(chance.triangular(0, 9, 2.5), 2)
    hook = hooks.pop() if hooks and chance.random() < 0.5 else ""
    values: dict[str, Any] = {}
    if kind in ("link_down", "power_cycle"):
        values["seconds"] = round(chance.uniform(0.5, 4), 1)
    elif kind in ("redis_restart", "postgres_restart"):
        values["seconds"] = round(chance.uniform(0, 2), 1)
        values["crash"] = chance.random() < 0.5
    elif kind == "pause":
        values["seconds"] = round(chance.uniform(3.5, 6.5), 1)
    elif kind == "sigterm":
        values["group"] = chance.random() < 0.5
    elif kind == "full_disk":
        values["seconds"] = round(chance.uniform(1, 4), 1)
    elif kind == "clock_jump":
        values["seconds"] = chance.choice(CLOCK_JUMPS)
    elif kind in ("duplicates", "reordered", "stale"):
        values["seed"] = chance.randrange(10**6)
    return Fault(kind, at, hook, chance.randrange(DEVICES), values)
