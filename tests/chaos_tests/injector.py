"""Carries the faults of a plan out, each in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
import traceback

from django.core.files.base import ContentFile
from django.db import connection
from django.db.models.functions import Now
from stack import inventory

from openwisp_firmware_upgrader.state import leases
from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.tasks import upgrade_firmware
from openwisp_firmware_upgrader.testing import make_image
from openwisp_firmware_upgrader.testing.fleet.client import FleetError

from .plan import Fault

# how long a hook may hold its device, and how long a fault waits for its hook
HOOK_LIMIT = 3.0
HOOK_PATIENCE = 6.0
# how long a worker gets to leave after SIGTERM
TERM_PATIENCE = 12


class Injector:
    """The faults of one run.

    Arguments:
        run: the run they happen to.
    """

    def __init__(self, run) -> None:
        self.run = run
        self.plan = run.plan
        self.stage = run.stage
        self.fleet = run.fleet
        self.done: list[str] = []
        self._servers = threading.Lock()
        self._crew = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts the clock."""
        self._began = time.monotonic()
        for fault in self.plan.faults:
            if fault.hook:
                self.fleet.arm(fault.hook, limit=HOOK_LIMIT)
            thread = threading.Thread(target=self._play, args=(fault,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Waits until every fault has happened and is over."""
        for thread in self._threads:
            thread.join()

    def recover(self) -> None:
        """Gives everything back that a fault may have taken away."""
        self.join()
        self.fleet.release()
        for number in range(len(self.plan.pools)):
            self.stage.staff(number, self.plan)

    def _play(self, fault: Fault) -> None:
        time.sleep(max(0.0, fault.at - (time.monotonic() - self._began)))
        if fault.hook:
            with contextlib.suppress(FleetError):
                self.fleet.wait_hook(fault.hook, timeout=HOOK_PATIENCE)
        moment = time.monotonic() - self._began
        try:
            said = getattr(self, f"_{fault.kind}")(fault)
        except Exception:  # noqa: BLE001 the run goes on, the reader is told
            said = traceback.format_exc(limit=3)
        finally:
            if fault.hook:
                self.fleet.release(fault.hook)
            connection.close()
        self.done.append(f"{moment:5.1f} s {fault}: {said}")

    def _worker(self, fault: Fault):
        number = fault.target % len(self.plan.pools)
        return number, self.stage.crew[number][1]

    def _device(self, fault: Fault) -> str:
        return self.run.uuids[fault.target % len(self.run.uuids)]

    # workers

    def _sigkill(self, fault: Fault) -> str:
        with self._crew:
            number, worker = self._worker(fault)
            worker.kill()
            self.stage.staff(number, self.plan)
        return f"killed {worker.name}"

    def _sigterm(self, fault: Fault) -> str:
        with self._crew:
            number, worker = self._worker(fault)
            if fault.values["group"]:
                worker.process.kill(signal.SIGTERM)
            else:
                os.kill(worker.process.pid, signal.SIGTERM)
            end = time.monotonic() + TERM_PATIENCE
            while worker.process.is_running and time.monotonic() < end:
                time.sleep(0.05)
            left = not worker.process.is_running
            worker.kill()
            self.stage.staff(number, self.plan)
        return f"{worker.name} left by itself: {left}"

    def _pause(self, fault: Fault) -> str:
        with self._crew:
            _number, worker = self._worker(fault)
            worker.process.kill(signal.SIGSTOP)
            time.sleep(fault.values["seconds"])
            worker.process.kill(signal.SIGCONT)
        return f"stopped {worker.name}"

    def _clock_jump(self, fault: Fault) -> str:
        number, worker = self._worker(fault)
        seconds = fault.values["seconds"]
        self.stage.clock_of(number).write_text(f"{seconds:+d}")
        return f"clock of {worker.name} jumps by {seconds} s"

    # servers

    def _redis_restart(self, fault: Fault) -> str:
        redis = self.run.project.redis
        with self._servers:
            if fault.values["crash"]:
                redis.process.kill()
            else:
                redis.stop()
            time.sleep(fault.values["seconds"])
            redis.start()
        return "restarted"

    def _redis_flush(self, fault: Fault) -> str:
        with self._servers:
            self.run.project.redis.flush()
        return "flushed"

    def _postgres_restart(self, fault: Fault) -> str:
        database = self.run.project.database
        with self._servers:
            database.halt(signal.SIGQUIT if fault.values["crash"] else signal.SIGINT)
            time.sleep(fault.values["seconds"])
            database.start()
        return "restarted"

    def _full_disk(self, fault: Fault) -> str:
        disk = self.stage.disk
        if disk.why_not:
            return f"skipped: {disk.why_not}"
        filler = disk.folder / "filler"
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
                file.flush()
        try:
            said = self._store_image()
            time.sleep(fault.values["seconds"])
        finally:
            filler.unlink(missing_ok=True)
        return said

    def _store_image(self) -> str:
        """Tries to store an image; one that is cut must not get a row."""
        version = f"full disk {time.time_ns() % 10**9}"
        build = load_model("Build").objects.create(
            category=self.run.firmware.category, version=version
        )
        content = ContentFile(make_image(inventory.IMAGE_SIZE, seed=3), name="full.bin")
        image = load_model("FirmwareImage")(
            build=build, type=inventory.IMAGE_TYPE, file=content
        )
        try:
            image.save()
        except OSError as error:
            return f"the image was refused: {error}"
        return "the image was stored"

    # devices

    def _link_down(self, fault: Fault) -> str:
        self.fleet.link(self._device(fault), False)
        time.sleep(fault.values["seconds"])
        self.fleet.link(self._device(fault), True)
        return "back"

    def _power_cycle(self, fault: Fault) -> str:
        if self.plan.devices[fault.target] == "never_reboots":
            # it would count as the reboot that the flash did not bring
            return "left out"
        self.fleet.power(self._device(fault), False)
        time.sleep(fault.values["seconds"])
        self.fleet.power(self._device(fault), True)
        return "back"

    # messages

    def _rows(self) -> list[tuple]:
        rows = self.run.operations()
        return list(rows.values_list("pk", "runs"))

    def _duplicates(self, fault: Fault) -> str:
        for pk, run in self._rows():
            for _copy in range(3):
                upgrade_firmware.apply_async(args=(str(pk), run))
                upgrade_firmware.apply_async(args=(str(pk),))
        return "sent"

    def _stale(self, fault: Fault) -> str:
        chance = random.Random(fault.values["seed"])
        for pk, run in self._rows():
            args = (str(pk), chance.randint(0, run + 1))
            upgrade_firmware.apply_async(args=args)
            upgrade_firmware.apply_async(args=args, countdown=chance.randint(1, 4))
        return "sent"

    def _reordered(self, fault: Fault) -> str:
        """Shuffles what waits in the broker; needs no worker to be fast."""
        chance = random.Random(fault.values["seed"])
        client = self.run.project.redis.client()
        for pk, run in self._rows():
            upgrade_firmware.apply_async(args=(str(pk), run), countdown=1)
        with client.pipeline() as pipe:
            pipe.lrange("celery", 0, -1)
            pipe.delete("celery")
            waiting = pipe.execute()[0]
        chance.shuffle(waiting)
        for message in waiting:
            client.lpush("celery", _renamed(message))
        return f"shuffled {len(waiting)}"

    def _steal(self, fault: Fault) -> str:
        """Lets the leases of live workers run out: others take over."""
        rows = leases.operations().filter(
            device_id__in=self.run.uuids, lease_expires_at__isnull=False
        )
        end = time.monotonic() + 3
        taken = 0
        while not taken and time.monotonic() < end:
            taken = rows.update(lease_expires_at=Now())
            time.sleep(0.05)
        for pk, run in self._rows():
            upgrade_firmware.apply_async(args=(str(pk), run))
        return f"{taken} leases ended"

    # users

    def _cancel(self, fault: Fault) -> str:
        rows = self.run.operations().filter(device_id=self._device(fault))
        operation = rows.filter(status="in-progress").first()
        if operation is None:
            return "nothing to cancel"
        try:
            operation.cancel()
        except ValueError as error:
            return f"refused: {error}"
        self.run.cancelled.add(operation.pk)
        return "cancelled"

    def _relaunch(self, fault: Fault) -> str:
        model = load_model("DeviceFirmware")
        row = model.objects.get(device_id=self._device(fault))
        row.image = self.run.image
        row.save(upgrade=True)
        return "launched again"


def _renamed(message: bytes) -> bytes:
    """Returns a message under a new delivery tag, as its publisher would."""
    data = json.loads(message)
    data["properties"]["delivery_tag"] = str(random.getrandbits(64))
    return json.dumps(data).encode()
