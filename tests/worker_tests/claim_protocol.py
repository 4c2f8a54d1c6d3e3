"""Random crashes, pauses and messages against the real models and actions.

``python claim_protocol.py SEED [--no-guard]`` prints what happened as JSON. With
``--no-guard`` the run number is not looked at, which must show violations.
Everything but the device is real: rows, claims, journal, actions, resume.
"""

from __future__ import annotations

import collections
import json
import queue
import random
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import django

django.setup()

from celery.exceptions import Retry  # noqa: E402 after django.setup()
from django.db import connections  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from stack import inventory  # noqa: E402
from swapper import load_model as load_any_model  # noqa: E402

from openwisp_firmware_upgrader import settings as app_settings  # noqa: E402
from openwisp_firmware_upgrader import utils  # noqa: E402
from openwisp_firmware_upgrader.actions import resume_operations  # noqa: E402
from openwisp_firmware_upgrader.engine import install, worker  # noqa: E402
from openwisp_firmware_upgrader.exceptions import DeviceRebooting  # noqa: E402
from openwisp_firmware_upgrader.state import (  # noqa: E402
    leases,
    update,
    wakeups,
)
from openwisp_firmware_upgrader.state.run import Run, run_of  # noqa: E402
from openwisp_firmware_upgrader.statuses import Phase  # noqa: E402
from openwisp_firmware_upgrader.swapper import load_model  # noqa: E402

DEVICES, PER_DEVICE, THREADS = 60, 2, 10
LEASE, LONGEST = 0.6, 60
CRASH, PAUSE, DUPLICATE, LOSE = 0.06, 0.06, 0.1, 0.05


class Killed(BaseException):
    """SIGKILL: nothing of the worker runs any more."""


class Experiment:
    """One run of the experiment."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.messages: queue.PriorityQueue = queue.PriorityQueue()
        self.number = 0
        self.flashes: collections.Counter = collections.Counter()
        self.ends: collections.Counter = collections.Counter()
        self.seen: collections.Counter = collections.Counter()
        self.lock = threading.Lock()
        self.stop = threading.Event()

    def publish(self, pk, run, delay=0, expires=None) -> bool:
        """Stands for ``wakeups.upgrade``: a message, reordered by a little chance."""
        with self.lock:
            self.number += 1
            due = time.monotonic() + (delay or 0) + self.random.random() * 0.1
            self.messages.put((due, self.number, str(pk), run))
        return True

    def send(self, name, *args) -> bool:
        """Stands for ``wakeups.send``."""
        return self.publish(args[0], None)

    def dice(self) -> None:
        """Kills or stalls the worker, rarely."""
        with self.lock:
            chance = self.random.random()
        if chance < CRASH:
            self.seen["crash"] += 1
            raise Killed
        if chance < CRASH + PAUSE:
            self.seen["pause"] += 1
            time.sleep(LEASE * 1.7)

    def work(self) -> None:
        """One worker thread."""
        while not self.stop.is_set():
            try:
                due, _, pk, run = self.messages.get(timeout=0.1)
            except queue.Empty:
                continue
            wait = due - time.monotonic()
            if wait > 0:
                self.messages.put((due, 0, pk, run))
                time.sleep(min(wait, 0.02))
                continue
            with self.lock:
                chance = self.random.random()
            if chance < DUPLICATE:
                self.publish(pk, run)
            elif chance < DUPLICATE + LOSE:
                self.seen["lost message"] += 1
                continue
            try:
                worker.work(Task(self, pk), pk, run)
            except (Killed, Retry):
                pass
            except Exception as error:  # noqa: BLE001 the test wants to see it
                self.seen[f"error {error!r:.80}"] += 1
        connections.close_all()

    def resume(self) -> None:
        """The scan for what is due or was lost."""
        while not self.stop.wait(0.3):
            try:
                resume_operations.resume_operations()
            except Exception as error:  # noqa: BLE001 the next scan goes on, as beat does
                self.seen[f"scan error {error!r:.80}"] += 1
        connections.close_all()

    def count_end(self, sender, instance, created, by_engine=False, **kwargs) -> None:
        """Receiver: counts the accepted ends of each operation."""
        if by_engine and not created and instance.status != "in-progress":
            with self.lock:
                self.ends[str(instance.pk)] += 1


class Task:
    """The bound Celery task, as far as the engine looks at it."""

    max_retries = None

    def __init__(self, experiment, pk) -> None:
        self.experiment = experiment
        self.request = mock.Mock(
            called_directly=False, is_eager=False, retries=0, args=[pk]
        )

    def retry(self, args, countdown=0, **kwargs):
        """Publishes the message again, later."""
        self.experiment.publish(*args, countdown)
        raise Retry


def upgrader_of(experiment):
    """Returns an upgrader whose device is a counter."""

    class Upgrader:
        RECONNECT_DELAY, RECONNECT_RETRY_DELAY = 0.2, 0.2
        RECONNECT_MAX_RETRIES = 10_000

        def __init__(self, upgrade_operation, connection):
            self.operation = upgrade_operation

        def upgrade(self, image):
            for phase in (Phase.UPLOAD, Phase.IMAGE_TEST):
                experiment.dice()
                run_of(self.operation).record(phase=phase)
            experiment.dice()
            run = run_of(self.operation)
            evidence = replace(run.evidence, flash_sent_at="now")
            run.record(phase=Phase.FLASH, progress=65, evidence=evidence)
            with experiment.lock:
                between = experiment.random.random() < CRASH
            if between:
                raise Killed
            with experiment.lock:
                experiment.flashes[str(self.operation.pk)] += 1
            experiment.dice()
            raise DeviceRebooting(delay=0.2)

        def verify(self):
            experiment.dice()

    return Upgrader


def unguarded(pk, number):
    """``guarded`` without its run number."""
    return leases.operations().filter(pk=pk, status="in-progress")


def unwatched(*args, **kwargs):
    """Returns the ``Run`` of a process whose keeper never comes to look."""
    return Run(*args, **{**kwargs, "is_watched": False})


def patches(experiment, guard: bool):
    """Returns what stands in for broker, keeper thread and device."""
    connection = load_any_model("connection", "DeviceConnection")
    upgrader = upgrader_of(experiment)
    known = [
        mock.patch.object(wakeups, "send", experiment.send),
        mock.patch.object(wakeups, "upgrade", experiment.publish),
        mock.patch.object(wakeups, "queue_is_empty", lambda: False),
        # a stalled process renews nothing, so nobody renews here
        mock.patch.object(worker, "Run", unwatched),
        mock.patch.object(connection, "connect", lambda self: True),
        mock.patch.object(connection, "disconnect", lambda self: None),
        mock.patch.object(connection, "connector_instance", object(), create=True),
        mock.patch.object(
            install, "get_upgrader_class_from_device_connection", lambda c: upgrader
        ),
        mock.patch.object(
            utils, "get_upgrader_class_from_device_connection", lambda c: upgrader
        ),
        mock.patch.dict(app_settings.LEASE, {"seconds": LEASE, "tick": 0.3}),
        mock.patch.dict(app_settings.RETRY_OPTIONS, {"max_retries": None}),
        mock.patch.object(resume_operations, "STAMP", 2),
        mock.patch.object(leases, "STAMP", timedelta(seconds=2)),
    ]
    if not guard:
        known.append(mock.patch.object(update, "guarded", unguarded))
    return known


def run(seed: int, guard: bool) -> dict:
    """Runs the experiment once."""
    experiment = Experiment(seed)
    model = load_model("UpgradeOperation")
    known = patches(experiment, guard)
    for patch in known:
        patch.start()
    post_save.connect(experiment.count_end, sender=model)
    operations = create(f"seed{seed}{guard}")
    pks = [operation.pk for operation in operations]
    for operation in operations:
        experiment.publish(operation.pk, None)
    threads = [threading.Thread(target=experiment.work) for _ in range(THREADS)]
    threads.append(threading.Thread(target=experiment.resume))
    for thread in threads:
        thread.start()
    end = time.monotonic() + LONGEST
    rows = model.objects.filter(pk__in=pks)
    while rows.filter(status="in-progress").exists() and time.monotonic() < end:
        time.sleep(0.3)
    experiment.stop.set()
    for thread in threads:
        thread.join()
    for patch in known:
        patch.stop()
    left = rows.filter(status="in-progress")
    several = sum(1 for number in experiment.flashes.values() if number > 1)
    return {
        "seed": seed,
        "operations": len(pks),
        "left": left.count(),
        "flashed twice": several,
        "flashed": len(experiment.flashes),
        "ends": sorted(set(experiment.ends.values())),
        "ended": len(experiment.ends),
        "success": rows.filter(status="success").count(),
        "aborted": rows.filter(status="aborted").count(),
        "seen": dict(experiment.seen),
    }


def create(name: str) -> list:
    """Returns two operations for each of many devices."""
    owner = inventory.organization(name)
    firmware = inventory.Firmware(owner, name=name, size=4096)
    login = inventory.credentials(owner, 22)
    model = load_model("UpgradeOperation")
    found = []
    for number in range(DEVICES):
        uuid = django.utils.crypto.get_random_string(32, "0123456789abcdef")
        device = inventory.device(owner, uuid, "127.0.0.1", f"{name}-{number}")
        inventory.connect(device, login)
        inventory.pair(device, firmware.old)
        found += [
            model.objects.create(device=device, image=firmware.new)
            for _ in range(PER_DEVICE)
        ]
    return found


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), "--no-guard" not in sys.argv)))
