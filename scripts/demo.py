"""Upgrades five simulated devices, and more with faults, before one's eyes."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
sys.path[:0] = [str(ROOT), str(TESTS)]

import django  # noqa: E402 tests/ must be on the path
from rich.console import Console  # noqa: E402 see above
from rich.live import Live  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn  # noqa: E402
from rich.table import Table  # noqa: E402
from stack import Process, Project  # noqa: E402
from stack.project import BOOT  # noqa: E402

from openwisp_firmware_upgrader.testing import (  # noqa: E402
    EXPECTED,
    FleetProcess,
    release_of,
)

DEVICES = 5
IMAGE_SIZE = 1024 * 1024
# so slow that the eye can follow, in bytes per second
LINK_RATE = 500_000
USER, PASSWORD = "admin", "admin"  # the demo listens on loopback only
LONGEST = 240
STYLES = {"success": "green", "failed": "red", "aborted": "yellow"}
console = Console()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="./run-demo", description=__doc__)
    parser.add_argument(
        "--exit",
        action="store_true",
        help="end after the table; 0 only if every device proves what it should",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        choices=sorted(EXPECTED),
        metavar="NAME",
        help=f"add a device with this fault: {', '.join(sorted(EXPECTED))}",
    )
    return parser.parse_args(arguments)


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Demo:
    """Everything the demo starts; ends with it."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = ["none"] * DEVICES + faults
        self.port = free_port()
        self.project = Project("spatialite")
        self.processes: list[Process] = []
        os.environ.update(self.project.env)
        django.setup()

    def start(self) -> None:
        """Starts servers, worker and devices, and fills the database."""
        with console.status("Creating the database"):
            self.project.manage("migrate", "-v0")
        with console.status("Starting web server, worker, beat and devices"):
            self._start_web()
            self._start_beat()
            self.worker = self.project.worker(slots=max(8, len(self.faults)))
            self.fleet = FleetProcess(
                devices=0,
                faults=self.faults,
                boot_time=BOOT,
                release=release_of("1.0", "r1"),
            )
            for index, fault in enumerate(self.faults):
                if fault == "none":
                    self.fleet.set(index, link_rate=LINK_RATE)
        self._fill()

    def _start_web(self) -> None:
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1"]
        command += ["-p", str(self.port), "openwisp2.asgi:application"]
        # Django serves its static files in debug mode only
        self._run(command, "daphne", DEBUG="1")

    def _start_beat(self) -> None:
        schedule = str(self.project.folder / "beat")
        command = [sys.executable, "-m", "celery", "-A", "openwisp2", "beat"]
        self._run([*command, "-s", schedule, "-l", "WARNING"], "beat")

    def _run(self, command: list[str], name: str, **env: str) -> None:
        log = self.project.folder / f"{name}.log"
        environment = self.project.whole_environment(**env)
        self.processes.append(Process(command, log, env=environment, cwd=TESTS))

    def _fill(self) -> None:
        from django.contrib.auth import get_user_model
        from stack import inventory

        get_user_model().objects.create_superuser(
            username=USER, password=PASSWORD, email="admin@example.org"
        )
        owner = inventory.organization()
        self.firmware = inventory.Firmware(owner, size=IMAGE_SIZE)
        names = [
            f"router-{number}" if fault == "none" else fault.replace("_", "-")
            for number, fault in enumerate(self.faults, start=1)
        ]
        inventory.register(owner, self.fleet, self.firmware.old, names)

    def stop(self) -> None:
        """Ends everything."""
        for process in self.processes:
            process.stop(3)
        if hasattr(self, "fleet"):
            self.fleet.stop()
        self.project.stop()

    def upgrade(self) -> tuple[list, dict]:
        """Launches the mass upgrade and shows it; returns operations and samples."""
        from stack.watch import follow_addresses, watch

        from openwisp_firmware_upgrader.actions.launch_batch import create_batch

        batch = create_batch(self.firmware.new_build, False)
        while not type(batch).objects.filter(pk=batch.pk, launched=True).exists():
            time.sleep(0.1)
        operations = {
            str(row.device_id): row for row in batch.upgradeoperation_set.all()
        }
        ordered = [operations[row["uuid"]] for row in self.fleet.addresses()]
        bars = Bars()
        with Live(bars.progress, console=console, refresh_per_second=8):

            def look(rows: list) -> None:
                bars.show(rows)
                follow_addresses(self.fleet)

            samples = watch([row.pk for row in ordered], LONGEST, on_look=look)
        for row in ordered:
            row.refresh_from_db()
        return ordered, samples

    def judge(self, operations: list, samples: dict) -> bool:
        """Prints what each device reports; returns whether all is as expected."""
        from stack.watch import differences

        table = Table(title="What the devices themselves report")
        for column in ("device", "release", "flashed", "operation", "as expected"):
            table.add_column(column)
        good = True
        before = release_of("1.0", "r1")
        for fault, operation in zip(self.faults, operations, strict=True):
            report = self.fleet.device(operation.device_id)
            sample = samples[operation.pk]
            problems = differences(fault, operation, report, sample, before)
            good = good and not problems
            style = STYLES.get(operation.status, "")
            table.add_row(
                operation.device.name,
                report.release if report.state == "up" else f"({report.state})",
                str(len(report.flashes)),
                f"[{style}]{operation.status}[/]",
                "; ".join(problems) or "yes",
            )
        console.print(table)
        return good

    def last_words(self, operations: list) -> None:
        """Prints how the operations of faulty devices ended, in their own words."""
        for fault, operation in zip(self.faults, operations, strict=True):
            if fault != "none":
                console.print(f"[bold]{fault}[/]: {operation.log.splitlines()[-1]}")

    def serve(self) -> None:
        """Serves the admin until Ctrl-C."""
        console.print(
            f"\nAdmin: [bold]http://127.0.0.1:{self.port}/admin/[/] "
            f"user [bold]{USER}[/] password [bold]{PASSWORD}[/]\n"
            "Ctrl-C ends the demo and all that it started."
        )
        signal.pause()


class Bars:
    """One progress bar per device."""

    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description:28}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}% {task.fields[words]}"),
            console=console,
        )
        self.tasks: dict = {}

    def show(self, rows: list) -> None:
        """Moves the bars."""
        for row in sorted(rows, key=lambda row: row.device.name):
            if row.pk not in self.tasks:
                self.tasks[row.pk] = self.progress.add_task(
                    row.device.name, total=100, words=""
                )
            running = row.status == "in-progress"
            words = row.get_phase_display() if running else row.get_status_display()
            self.progress.update(
                self.tasks[row.pk], completed=row.progress, words=words
            )


def main(arguments: list[str]) -> int:
    """Runs the demo."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    demo = Demo(options.fault)
    try:
        demo.start()
        operations, samples = demo.upgrade()
        good = demo.judge(operations, samples)
        demo.last_words(operations)
        if not options.exit:
            demo.serve()
    except KeyboardInterrupt:
        return 0
    finally:
        demo.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
