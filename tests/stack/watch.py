"""Watches operations while they run, and compares their ends with the oracle.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from swapper import load_model as load_any_model

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.testing import EXPECTED

NOTICED = 15.0


@dataclass
class Sample:
    """What was seen of one operation while it ran."""

    progress: set[int] = field(default_factory=set)
    # (seconds, phase, whether somebody holds it) whenever that changed
    moves: list[tuple[float, str, bool]] = field(default_factory=list)

    def add(self, now: float, phase: str, held: bool, progress: int) -> None:
        """Remembers one look at the row."""
        self.progress.add(progress)
        if not self.moves or self.moves[-1][1:] != (phase, held):
            self.moves.append((now, phase, held))

    def longest_hold(self, now: float) -> float:
        """Returns for how long it was held at most, until ``now`` if it still is."""
        longest, since = 0.0, None
        for seconds, _, held in [*self.moves, (now, "", False)]:
            if held and since is None:
                since = seconds
            elif not held and since is not None:
                longest, since = max(longest, seconds - since), None
        return longest

    def seconds_in(self, phase: str) -> float:
        """Returns the longest time the operation was in a phase."""
        longest = 0.0
        for (start, name, _), (end, _, _) in zip(self.moves, self.moves[1:]):
            if name == phase:
                longest = max(longest, end - start)
        return longest


def watch(
    pks,
    seconds: float,
    every: float = 0.1,
    on_look: Callable[[list], None] | None = None,
    until: Callable[[list], bool] | None = None,
) -> dict:
    """Watches operations until all have ended, or something else is true of them.

    Arguments:
        pks: their primary keys.
        seconds: how long it may take.
        every: seconds between two looks.
        on_look: called with the rows of each look.
        until: called with the rows of each look, None is true once all have ended.

    Returns a sample for each. AssertionError names those that have not ended.
    """
    samples = {pk: Sample() for pk in pks}
    end = time.monotonic() + seconds
    rows = load_model("UpgradeOperation").objects.filter(pk__in=list(samples))
    while True:
        found = list(rows.defer("log").select_related("device"))
        now = time.monotonic()
        for row in found:
            held = row.lease_expires_at is not None
            samples[row.pk].add(now, row.phase, held, row.progress)
        if on_look is not None:
            on_look(found)
        open_rows = [row for row in found if row.status == "in-progress"]
        if not open_rows if until is None else until(found):
            return samples
        if now > end:
            left = [f"{row.device.name}: {row.phase}" for row in open_rows]
            raise AssertionError(f"not ended within {seconds} s: {left}")
        time.sleep(every)


def follow_addresses(fleet) -> None:
    """Tells the database the addresses that devices report, as their agents do."""
    devices = load_any_model("config", "Device").objects
    for row in fleet.addresses():
        if row["address"] != row["first_address"] and row.get("fault", "").endswith(
            "_reported"
        ):
            devices.filter(pk=row["uuid"]).update(management_ip=row["address"])


def differences(fault: str, operation, report, sample: Sample, before) -> list[str]:
    """Compares the end of an operation with the table of expected ends.

    Arguments:
        fault: name of the fault of the device.
        operation: the operation, fresh from the database.
        report: what the device says of itself.
        sample: what was seen meanwhile.
        before: the release before the upgrade.

    Returns what differs, in words; nothing when all is as expected.
    """
    expected = EXPECTED[fault]
    row = load_model("DeviceFirmware").objects.get(device=operation.device_id)
    pairs = {
        "status": (expected.status, operation.status),
        "installed": (expected.installed, row.installed),
        "flashes": (expected.flashes, len(report.flashes)),
    }
    found = [
        f"{name}: {right!r} expected, {seen!r} found"
        for name, (right, seen) in pairs.items()
        if right != seen
    ]
    words = expected.log_contains
    if words and words.lower() not in operation.log.lower():
        found.append(f"{words!r} is not in the log")
    facts = _facts(operation, report, sample, before)
    found += [f"not {name}" for name in expected.also if not facts[name]()]
    return found


def _facts(operation, report, sample: Sample, before) -> dict:
    from openwisp_firmware_upgrader import (  # noqa: PLC0415 needs django.setup()
        settings as app_settings,
    )

    image = operation.image
    attempts = app_settings.RETRY_OPTIONS["max_retries"] + 1
    connections = operation.device.deviceconnection_set
    return {
        "tmp_clean": lambda: not report.tmp,
        "marker_written": lambda: report.marker == image.checksum,
        "services_running": lambda: report.services_running,
        "one_command": lambda: len(report.commands) == 1,
        "retried": lambda: len(report.uploads) > 1,
        "all_retries": lambda: len(report.uploads) == attempts,
        "progress_moves": lambda: any(20 < seen < 60 for seen in sample.progress),
        "noticed_within_15s": lambda: 0 < sample.seconds_in("upload") <= NOTICED,
        "slot_free_within_15s": lambda: 0 < sample.seconds_in("flash") <= NOTICED,
        "connection_flagged": lambda: connections.filter(is_working=False).exists(),
        "same_release": lambda: report.release == before,
        "new_release": lambda: report.release == image.build.os,
    }
