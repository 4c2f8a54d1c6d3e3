"""End to end: many devices, some slots, beside the ideal of the same run.

``.work/venv/bin/python benchmarks/end_to_end.py --devices 64 --pool threads``

The ideal is a plain loop without Django over the same simulated devices: the same
connections, commands and uploads, in as many threads as there are slots, with the same
delay before a device is verified.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
import paramiko  # noqa: E402 see above
from kit import MIB, Meter  # noqa: E402
from scp import SCPClient  # noqa: E402
from stack import Project  # noqa: E402

from openwisp_firmware_upgrader.testing import (  # noqa: E402
    FleetProcess,
    make_image,
    release_of,
)

CORES = sorted(os.sched_getaffinity(0))
DELAY, BOOT = 10, 5
OLD, NEW = ("1.0", "r1"), ("2.0", "r2")
SETTINGS = {
    "FIRMWARE_OPENWRT_SETTINGS": {
        "reconnect_delay": DELAY,
        "reconnect_retry_delay": 2,
        "reconnect_max_retries": 30,
        "upgrade_timeout": 30,
    },
    "FIRMWARE_LEASE": {"seconds": 60, "tick": 30},
    "FIRMWARE_LOG_LEVEL": "WARNING",
}
# every command that reaches a device in each half, the upload stands between
BEFORE = (
    "uci get openwisp.http.uuid",
    "test -f /etc/openwisp/firmware_checksum",
    "ubus call system board",
    "cat /proc/sys/kernel/random/boot_id",
    "test -d /overlay/upper/etc",
    "rm -rf /tmp/opkg-lists/",
    "sync && echo 3 > /proc/sys/vm/drop_caches",
    "cat /proc/meminfo | grep MemAvailable",
    "df -k /tmp",
)
FLASH = (
    "sha256sum /tmp/image.bin",
    "/sbin/sysupgrade --test /tmp/image.bin",
    "rm /etc/openwisp/checksum 2> /dev/null",
    "/sbin/sysupgrade -v -c /tmp/image.bin",
)
AFTER = (
    "uci get openwisp.http.uuid",
    "cat /proc/sys/kernel/random/boot_id",
    "ubus call system board",
    "mkdir -p /etc/openwisp",
    "echo checksum > /etc/openwisp/firmware_checksum",
)


@contextlib.contextmanager
def pinned(cores: list[int]) -> Iterator[None]:
    """Keeps the threads that are started meanwhile on some cores."""
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def connect(address: str, port: int) -> paramiko.SSHClient:
    """Returns an open connection."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    no_keys = {"allow_agent": False, "look_for_keys": False}
    client.connect(address, port, "root", "password", **no_keys)
    client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def run(client: paramiko.SSHClient, commands: tuple[str, ...]) -> None:
    """Runs commands one after the other."""
    for command in commands:
        client.exec_command(command)[1].read()


def flash_plainly(address: str, port: int, image: bytes) -> None:
    """Uploads and flashes one device, as little as can be done."""
    client = connect(address, port)
    run(client, BEFORE)
    with SCPClient(client.get_transport()) as scp:
        scp.putfo(io.BytesIO(image), "/tmp/image.bin")
    run(client, FLASH)
    client.close()


def verify_plainly(address: str, port: int) -> None:
    """Looks at one device after its reboot."""
    client = connect(address, port)
    run(client, AFTER)
    client.close()


class PlainLoop:
    """The same SSH work as a mass upgrade, in threads and nothing else.

    A thread that is free takes a device that is due for its second half, then
    one that was not flashed yet.
    """

    def __init__(self, fleet, image: bytes) -> None:
        self.port = fleet.port
        self.image = image
        self.fresh = [row["address"] for row in reversed(fleet.addresses())]
        self.rebooting: list[tuple[float, str]] = []
        self.lock = threading.Lock()
        self.left = len(self.fresh)

    def seconds(self, slots: int) -> float:
        """Returns how long all devices take."""
        start = time.monotonic()
        threads = [threading.Thread(target=self._work) for _slot in range(slots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - start

    def _work(self) -> None:
        while self.left:
            due, address = self._next()
            if address is None:
                time.sleep(0.02)
            elif due:
                verify_plainly(address, self.port)
                with self.lock:
                    self.left -= 1
            else:
                flash_plainly(address, self.port, self.image)
                with self.lock:
                    self.rebooting.append((time.monotonic() + DELAY, address))

    def _next(self) -> tuple[bool, str | None]:
        with self.lock:
            if self.rebooting and self.rebooting[0][0] <= time.monotonic():
                return True, self.rebooting.pop(0)[1]
            return False, self.fresh.pop() if self.fresh else None


def ours(project, fleet, options) -> dict:
    """Returns what a mass upgrade of the fleet took."""
    from stack import inventory

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch
    from openwisp_firmware_upgrader.swapper import load_model

    owner = inventory.organization("Benchmark")
    firmware = inventory.Firmware(owner, size=options.size)
    inventory.register(owner, fleet, firmware.old)
    workers = []
    for number in range(options.workers):
        slots = options.slots // options.workers
        core = CORES[number % len(CORES)] if options.pin else None
        workers.append(project.worker(pool=options.pool, slots=slots, core=core))
    time.sleep(2)
    pids = {
        "workers": [worker.process.pid for worker in workers],
        "fleet": [fleet.pid],
        "database": [project.database.process.pid],
        "redis": [project.redis.process.pid],
    }
    with Meter(project, pids) as meter:
        batch = create_batch(firmware.new_build, False)
        batches = type(batch).objects.filter(pk=batch.pk)
        while not batches.exclude(status__in=("idle", "in-progress")).exists():
            time.sleep(0.2)
    rows = load_model("UpgradeOperation").objects.filter(batch=batch)
    good = rows.filter(status="success").count()
    project.stop_workers()
    return {
        "seconds": round(meter.seconds, 1),
        "success": good,
        **meter.memory(),
        **meter.per_device(options.devices),
    }


def measure(options) -> dict:
    """Measures ideal and ours in one run; ``options`` as of ``parser``."""
    project = Project("postgres", SETTINGS)
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        image = make_image(options.size, seed=1, version=NEW[0], revision=NEW[1])
        link = {"link_rate": options.rate, "link_delay": options.delay / 1000}
        fleet = FleetProcess(
            devices=options.devices, boot_time=BOOT, release=release_of(*OLD), **link
        )
        with fleet:
            with pinned(CORES[:1] if options.pin else CORES):
                used = time.process_time()
                best = PlainLoop(fleet, image).seconds(options.slots)
                used = time.process_time() - used
            fleet.reset()
            found = ours(project, fleet, options)
            twice = fleet.ledger().flashed_more_than_once
    finally:
        project.stop()
    return {
        "devices": options.devices,
        "slots": options.slots,
        "pool": options.pool,
        "workers": options.workers,
        "pinned": options.pin,
        "ideal seconds": round(best, 1),
        "cpu of ideal": round(used / options.devices, 3),
        **found,
        "ratio": round(found["seconds"] / best, 2),
        "flashed twice": len(twice),
    }


def parser() -> argparse.ArgumentParser:
    """Returns the options of one measurement."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--devices", type=int, default=64)
    made.add_argument("--slots", type=int, default=8)
    made.add_argument("--workers", type=int, default=1, help="share the slots")
    made.add_argument("--pool", choices=("threads", "prefork"), default="threads")
    made.add_argument("--pin", action="store_true", help="a core for each worker")
    made.add_argument("--size", type=int, default=4 * MIB)
    made.add_argument("--rate", type=int, help="bytes per second of a link")
    made.add_argument("--delay", type=int, default=0, help="milliseconds of a link")
    return made


def main() -> None:
    """Prints one line of JSON."""
    print(json.dumps(measure(parser().parse_args())))


if __name__ == "__main__":
    main()
