"""End to end: many devices, some slots, beside the ideal of the same run.

``.work/venv/bin/python benchmarks/end_to_end.py --devices 64 --pool threads``

The ideal is a plain loop without Django over the same simulated devices: connect,
read what an upgrade reads, upload, flash, in as many threads as there are slots;
plus the delay before a device is verified.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
import paramiko  # noqa: E402 see above
from scp import SCPClient  # noqa: E402
from stack import Project  # noqa: E402
from stack.processes import descendants  # noqa: E402

from openwisp_firmware_upgrader.testing import (  # noqa: E402
    FleetProcess,
    make_image,
    release_of,
)

MIB = 1024 * 1024
DELAY, BOOT, LONGEST = 10, 5, 3600
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
COMMANDS = (
    "uci get openwisp.http.uuid",
    "cat /proc/sys/kernel/random/boot_id",
    "ubus call system board",
    "cat /proc/meminfo",
    "df -k /tmp",
)


def upgrade_plainly(address: str, port: int, image: bytes) -> None:
    """Uploads and flashes one device, as little as can be done."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        address,
        port,
        "root",
        "password",
        allow_agent=False,
        look_for_keys=False,
    )
    for command in COMMANDS:
        client.exec_command(command)[1].read()
    with SCPClient(client.get_transport()) as scp:
        scp.putfo(io.BytesIO(image), "/tmp/image.bin")
    client.exec_command("sysupgrade --test /tmp/image.bin")[1].read()
    client.exec_command("sysupgrade -c /tmp/image.bin")[1].read()
    client.close()


def ideal(fleet, slots: int, image: bytes) -> float:
    """Returns the seconds of the plain loop, with the delay of the verification."""
    rows = fleet.addresses()
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(slots) as pool:
        work = [
            pool.submit(upgrade_plainly, row["address"], fleet.port, image)
            for row in rows
        ]
        for done in work:
            done.result()
    return time.monotonic() - start + DELAY


def memory_of(pid: int) -> int:
    """Returns the proportional set size of a process tree in bytes."""
    total = 0
    for each in descendants(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def ours(project, fleet, options) -> dict:
    """Returns what a mass upgrade of the fleet took."""
    from stack import inventory
    from stack.watch import watch

    from openwisp_firmware_upgrader.actions.launch_batch import create_batch

    owner = inventory.organization("Benchmark")
    firmware = inventory.Firmware(owner, size=options.size)
    inventory.register(owner, fleet, firmware.old)
    worker = project.worker(pool=options.pool, slots=options.slots)
    time.sleep(2)
    idle = peak = memory_of(worker.process.pid)
    start = time.monotonic()
    batch = create_batch(firmware.new_build, False)
    while not type(batch).objects.filter(pk=batch.pk, launched=True).exists():
        time.sleep(0.05)

    def look(rows) -> None:
        nonlocal peak
        peak = max(peak, memory_of(worker.process.pid))

    pks = list(batch.upgradeoperation_set.values_list("pk", flat=True))
    watch(pks, LONGEST, every=1, on_look=look)
    seconds = time.monotonic() - start
    good = batch.upgradeoperation_set.filter(status="success").count()
    project.stop_workers()
    return {
        "seconds": round(seconds, 1),
        "success": good,
        "idle MiB": round(idle / MIB),
        "peak MiB": round(peak / MIB),
    }


def measure(options) -> dict:
    """Measures ideal and ours in one run."""
    project = Project("postgres", SETTINGS)
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        image = make_image(options.size, seed=1, version=NEW[0], revision=NEW[1])
        with FleetProcess(
            devices=options.devices, boot_time=BOOT, release=release_of(*OLD)
        ) as fleet:
            best = ideal(fleet, options.slots, image)
            fleet.reset()
            found = ours(project, fleet, options)
            twice = fleet.ledger().flashed_more_than_once
    finally:
        project.stop()
    return {
        "devices": options.devices,
        "slots": options.slots,
        "pool": options.pool,
        "ideal seconds": round(best, 1),
        **found,
        "ratio": round(found["seconds"] / best, 2),
        "flashed twice": len(twice),
    }


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=64)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--pool", choices=("threads", "prefork"), default="threads")
    parser.add_argument("--size", type=int, default=4 * MIB)
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
