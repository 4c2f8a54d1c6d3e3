"""The servers, workers and devices of a run; servers stay between runs.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from django.db import InterfaceError, OperationalError, connection
from stack import inventory
from stack.project import BOOT

from openwisp_firmware_upgrader.actions.launch_batch import create_batch
from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.testing import FleetProcess, release_of

from . import oracle
from .injector import Injector
from .plan import SLOTS, Plan

LEASE = {"seconds": 3, "tick": 1}
RETRIES = {
    "max_retries": 5,
    "retry_backoff": 1,
    "retry_backoff_max": 2,
    "retry_jitter": False,
}
RECONNECTS = {
    "reconnect_delay": 2,
    "reconnect_retry_delay": 1,
    "reconnect_max_retries": 12,
    "upgrade_timeout": 8,
}
LIMITS = {"total": 4, "per_organization": 3}
# everything must have ended by then, in seconds after the last fault
PATIENCE = 100
LIBFAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
DISK = "24m"


def patiently(function):
    """Repeats a query of the test while PostgreSQL restarts."""
    end = time.monotonic() + 20
    while True:
        try:
            return function()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        violations: what the oracle found, in words; nothing is good.
        seconds: from the launch to the last end.
        done: what each fault did, in the order in which they happened.
        statuses: of the operations.
        evidence: logs for whoever looks into a violation.
    """

    violations: list[str]
    seconds: float
    done: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    evidence: str = ""


class Disk:
    """A small tmpfs in place of the folder of the images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.why_not = self._mount()

    def _mount(self) -> str:
        if os.geteuid() != 0:
            return "mounting a tmpfs needs root rights"
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs"]
        done = subprocess.run(
            [*command, str(self.folder)], capture_output=True, text=True, check=False
        )
        return done.stderr.strip() if done.returncode else ""

    def unmount(self) -> None:
        """Puts the folder back."""
        if not self.why_not:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Stage:
    """Runs plans one after the other; end it with ``stop``.

    Arguments:
        project: the sample project on PostgreSQL.
        without: name of the safeguard that the workers do without.
    """

    def __init__(self, project, without: str = "") -> None:
        self.project = project
        self.without = without
        self.disk = Disk(project.folder / "private")
        self.crew: dict[int, tuple[str, object]] = {}
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ends the workers and gives the disk back."""
        self.project.stop_workers()
        self.crew.clear()
        self.disk.unmount()

    def clock_of(self, number: int) -> Path:
        """Returns the file with the clock of a worker."""
        return self.project.folder / f"clock{number}"

    def staff(self, number: int, plan: Plan) -> None:
        """Lets worker ``number`` of the plan run, a new one if need be."""
        kind = self._kind_of(number, plan)
        with self._lock:
            known, worker = self.crew.get(number, ("", None))
        if worker is not None:
            if known == kind and worker.process.is_running:
                return
            worker.kill()
        worker = self.project.worker(**json.loads(kind))
        with self._lock:
            self.crew[number] = (kind, worker)

    def _kind_of(self, number: int, plan: Plan) -> str:
        env = {
            "FIRMWARE_LEASE": LEASE,
            "FIRMWARE_RETRY_OPTIONS": RETRIES,
            "FIRMWARE_OPENWRT_SETTINGS": RECONNECTS,
            "FIRMWARE_CONCURRENCY": LIMITS if plan.limited else {},
        }
        env = {name: json.dumps(value) for name, value in env.items()}
        if plan.has("clock_jump"):
            env |= self._clock_env(number)
        if self.without:
            env["CHAOS_WITHOUT"] = self.without
        app = "chaos_tests.sabotaged" if self.without else "openwisp2"
        options = {"pool": plan.pools[number], "slots": SLOTS, "app": app}
        return json.dumps({**options, **env})

    def _clock_env(self, number: int) -> dict[str, str]:
        library = next(iter(Path("/").glob(LIBFAKETIME.lstrip("/"))), None)
        if library is None:
            return {}
        self.clock_of(number).write_text("+0")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_of(number)),
            "FAKETIME_CACHE_DURATION": "1",
            # the monotonic clock does not jump on real machines either
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def run(self, plan: Plan) -> Outcome:
        """Runs a plan and judges how it ended."""
        with FleetProcess(
            devices=0,
            faults=plan.devices,
            boot_time=BOOT,
            release=release_of(*inventory.OLD),
            link_rate=plan.link_rate,
        ) as fleet:
            return Run(self, plan, fleet).play()


class Run:
    """One run of a plan."""

    def __init__(self, stage: Stage, plan: Plan, fleet) -> None:
        self.stage = stage
        self.plan = plan
        self.fleet = fleet
        self.project = stage.project
        self.uuids = [row["uuid"] for row in fleet.addresses()]
        self.before = release_of(*inventory.OLD)
        self.cancelled: set = set()

    def play(self) -> Outcome:
        """Runs the plan."""
        for number in range(len(self.plan.pools)):
            self.stage.clock_of(number).write_text("+0")
            self.stage.staff(number, self.plan)
        self._set_up()
        began = time.monotonic()
        injector = Injector(self)
        injector.start()
        try:
            self.batch = create_batch(self.firmware.new_build, False)
            injector.join()
        finally:
            injector.recover()
        violations = self._wait_for_the_end()
        seconds = time.monotonic() - began
        patiently(lambda: self.batch.refresh_from_db())
        rows = patiently(lambda: list(self.operations()))
        violations += oracle.judge(self, rows)
        evidence = oracle.evidence(self, rows)
        self._tear_down()
        statuses = [row.status for row in rows]
        return Outcome(violations, seconds, injector.done, statuses, evidence)

    def _set_up(self) -> None:
        name = f"Chaos{uuid.uuid4().hex[:12]}"
        self.owner = inventory.organization(name)
        options = {"seed": self.plan.seed}
        self.firmware = inventory.Firmware(self.owner, name=name, **options)
        if self.plan.rebuild:
            self._rebuild()
        self.devices = inventory.register(
            self.owner,
            self.fleet,
            self.firmware.old,
            [f"{name}-{number}" for number in range(len(self.uuids))],
        )
        self.image = self.firmware.new
        self.after = self.firmware.new_build.os

    def _rebuild(self) -> None:
        """Makes the new image one of the release that the devices run."""
        from django.core.files.base import ContentFile

        from openwisp_firmware_upgrader.testing import make_image

        version, revision = inventory.OLD
        content = make_image(
            inventory.IMAGE_SIZE, seed=77, version=version, revision=revision
        )
        image = self.firmware.new
        image.file.save("rebuild.bin", ContentFile(content), save=False)
        image.save()
        build = self.firmware.new_build
        build.os = self.before
        build.save()

    def operations(self):
        """Returns the operations of this run, oldest first."""
        rows = load_model("UpgradeOperation").objects.filter(device_id__in=self.uuids)
        return rows.select_related("device", "image").order_by("created", "pk")

    def _wait_for_the_end(self) -> list[str]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if patiently(self._has_ended):
                return []
            # as a supervisor does: libfaketime ends workers that lose their broker
            for number in range(len(self.plan.pools)):
                self.stage.staff(number, self.plan)
            time.sleep(0.1)
        return patiently(self._what_hangs)

    def _has_ended(self) -> bool:
        self.batch.refresh_from_db()
        if not self.batch.launched or self.batch.status in ("idle", "in-progress"):
            return False
        rows = self.operations()
        busy = rows.filter(status="in-progress").exists()
        return not busy and not rows.filter(lease_expires_at__isnull=False).exists()

    def _what_hangs(self) -> list[str]:
        self.batch.refresh_from_db()
        found = [
            f"hangs: batch {self.batch.status}, launched {self.batch.launched}, "
            f"due {self.batch.next_run_at}"
        ]
        for row in self.operations():
            if row.status == "in-progress" or row.lease_expires_at:
                found.append(
                    f"hangs: {row.device.name} {row.status} {row.phase} runs {row.runs}"
                    f" lease {row.lease_expires_at} due {row.next_run_at}"
                )
        return found

    def _tear_down(self) -> None:
        # what a failed run leaves must not disturb the next one
        rows = self.operations()
        patiently(
            lambda: (
                rows.order_by()
                .filter(status="in-progress")
                .update(status="failed", phase="done", next_run_at=None)
            )
        )
        patiently(lambda: rows.order_by().update(lease_expires_at=None))
        batches = load_model("BatchUpgradeOperation").objects.filter(pk=self.batch.pk)
        patiently(lambda: batches.update(launched=True, next_run_at=None))
        patiently(lambda: batches.filter(status="in-progress").update(status="failed"))
        with contextlib.suppress(OSError):
            (self.stage.disk.folder / "filler").unlink()
        patiently(lambda: self.firmware.category.delete())
