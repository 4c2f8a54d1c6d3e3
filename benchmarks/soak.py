"""Does a worker stay as small after 20,000 upgrades as it was after the first ones?

``.work/venv/bin/python benchmarks/soak.py [--upgrades 20000] [--pool threads]``
prints one line of JSON per round and fails when memory grows by 1 MiB or more per
1,000 upgrades, or when file descriptors, threads or connections become more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
from kit import MIB, memory  # noqa: E402
from stack import Project  # noqa: E402
from stack.processes import descendants  # noqa: E402
from stack.project import wait_for  # noqa: E402

from openwisp_firmware_upgrader.testing import FleetProcess, release_of  # noqa: E402

IMAGE_SIZE = 64 * 1024
# the part of a run in which caches fill and pools open their connections
WARM_UP = 0.25
GROWTH = 1.0
# an idle worker may hold one more socket to Redis than at the moment before
SLACK = 3


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrades", type=int, default=20_000)
    parser.add_argument("--devices", type=int, default=200, help="per round")
    parser.add_argument("--pool", choices=("threads", "prefork"), default="threads")
    parser.add_argument("--slots", type=int, default=16)
    return parser.parse_args(arguments)


class Soak:
    """One worker, a fleet, and round after round of mass upgrades.

    Arguments:
        project: the sample project.
        fleet: the running fleet.
        options: of the command line.
    """

    def __init__(self, project, fleet, options) -> None:
        from stack import inventory

        self.project = project
        self.fleet = fleet
        owner = inventory.organization("Soak")
        self.firmware = inventory.Firmware(owner, name="soak", size=IMAGE_SIZE)
        inventory.register(owner, fleet, self.firmware.old)
        self.worker = project.worker(pool=options.pool, slots=options.slots)

    def play_round(self) -> None:
        """Upgrades every device of the fleet once."""
        from openwisp_firmware_upgrader.actions.launch_batch import create_batch
        from openwisp_firmware_upgrader.swapper import load_model

        rows = load_model("DeviceFirmware").objects.filter(
            image__build__category=self.firmware.category
        )
        self.fleet.reset()
        rows.update(image=self.firmware.old, installed=True)
        batch = create_batch(self.firmware.new_build, False)
        batches = type(batch).objects.filter(pk=batch.pk)
        ended = batches.exclude(status__in=("idle", "in-progress"))
        wait_for(ended.exists, "a round", 900, every=0.5)
        batch.refresh_from_db()
        assert batch.status == "success", batch.status
        ledger = self.fleet.ledger()
        assert ledger.flashes == len(ledger.devices), ledger.flashes
        assert ledger.flashed_more_than_once == []
        # what was measured must not grow because the database does
        batch.upgradeoperation_set.all().delete()

    def measure(self) -> dict[str, float]:
        """Returns what the worker holds now that it is at rest."""
        time.sleep(3)
        pids = descendants(self.worker.process.pid)
        folders = [Path(f"/proc/{pid}") for pid in pids]
        return {
            "MiB": round(memory(self.worker.process.pid) / MIB, 2),
            "fds": sum(len(list((each / "fd").iterdir())) for each in folders),
            "threads": sum(len(list((each / "task").iterdir())) for each in folders),
            "connections": connections(),
        }


def connections() -> int:
    """Returns how many connections the database serves."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = %s",
            ["client backend"],
        )
        return cursor.fetchone()[0]


def problems(rounds: list[dict[str, float]]) -> list[str]:
    """Returns what grew from one round to the next, in words.

    Arguments:
        rounds: the measures, each with the number of ``upgrades`` before it.
    """
    warm = rounds[int(len(rounds) * WARM_UP) :]
    if len(warm) < 3:
        return ["too few rounds to tell anything"]
    slope, _base = statistics.linear_regression(
        [each["upgrades"] / 1000 for each in warm], [each["MiB"] for each in warm]
    )
    found = []
    if slope >= GROWTH:
        found.append(f"memory grows by {slope:.2f} MiB per 1,000 upgrades")
    third = max(len(warm) // 3, 1)
    for name in ("fds", "threads", "connections"):
        before = statistics.median(each[name] for each in warm[:third])
        after = statistics.median(each[name] for each in warm[-third:])
        if after > before + SLACK:
            found.append(f"{name} grew from {before} to {after}")
    print(json.dumps({"MiB per 1,000 upgrades": round(slope, 3), "grew": found}))
    return found


def main() -> int:
    """Runs the soak; returns the exit code."""
    options = options_of()
    project = Project("postgres")
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        release = release_of("1.0", "r1")
        with FleetProcess(options.devices, boot_time=1, release=release) as fleet:
            soak = Soak(project, fleet, options)
            rounds = []
            for done in range(options.devices, options.upgrades + 1, options.devices):
                soak.play_round()
                rounds.append({"upgrades": done, **soak.measure()})
                print(json.dumps(rounds[-1]), flush=True)
        return 1 if problems(rounds) else 0
    finally:
        project.stop()


if __name__ == "__main__":
    sys.exit(main())
