"""Upgrades under random faults; the devices themselves are the judges."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .plan import KINDS, Fault, Plan, plan_of, seeds
from .shrink import shrink

# no exit code of a program
HUNG = -1000
PROGRAM = Path(__file__).with_name("run.py")
AT_ONCE = 10
# seconds in which ten seeds end, also when the smallest list that fails is searched
PATIENCE = 1000
pytestmark = pytest.mark.timeout(PATIENCE + 60)
BY_DEFAULT = 10
# every fault must be met by chance at least so often
AT_LEAST = 15
FIRST = {"pools": ("threads", "threads"), "link_rate": 100_000}
# what happens when a safeguard is missing
WITHOUT = {
    "sha256": Plan(1, devices=("truncated_upload",) * 4, **FIRST),
    "boot_id": Plan(2, devices=("never_reboots",) * 4, rebuild=True, **FIRST),
    "claim": Plan(
        3,
        devices=("none",) * 4,
        faults=tuple(Fault("duplicates", at, values={"seed": 1}) for at in (0.5, 1, 2)),
        **FIRST,
    ),
    "fencing": Plan(
        4,
        devices=("none",) * 4,
        faults=tuple(Fault("steal", at) for at in (1.5, 2.5, 3.5)),
        **FIRST,
    ),
}


def marks(start: int):
    """Returns in which part of the suite the seeds from ``start`` on run."""
    return () if start < BY_DEFAULT else pytest.mark.chaos


def chaos(*options: str, seconds: int) -> subprocess.CompletedProcess:
    """Runs seeds in a process of its own; one that hangs fails with what it printed."""
    command = [sys.executable, str(PROGRAM), *options]
    env = {**os.environ, "TESTING": "0"}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=env,
        )
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode(errors="replace")
        output += f"\nnot ended after {seconds} s"
        return subprocess.CompletedProcess(command, HUNG, output, "")


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(start, marks=marks(start))
        for start in range(0, len(seeds()), AT_ONCE)
    ],
)
def test_devices_confirm_every_claim(start):
    done = chaos("--slice", f"{start}:{start + AT_ONCE}", seconds=PATIENCE)
    rows = [
        json.loads(row) for row in done.stdout.splitlines() if row[:8] == '{"seed":'
    ]
    print(*(f"{r['seed']}: {r['statuses']} {r['seconds']} s" for r in rows), sep="\n")
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert len(rows) == AT_ONCE


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT)
def test_a_missing_safeguard_is_noticed(name):
    plan = WITHOUT[name].to_json()
    # two workers need not meet at the first try
    for _try in range(3):
        done = chaos("--plan", plan, "--without", name, "--no-shrink", seconds=300)
        if done.returncode:
            break
    assert done.returncode == 1, done.stdout + done.stderr[-4000:]
    row = next(row for row in done.stdout.splitlines() if row[:8] == '{"seed":')
    assert json.loads(row)["violations"]


@pytest.mark.chaos
@pytest.mark.parametrize("name", WITHOUT)
def test_with_all_safeguards_the_same_is_harmless(name):
    plan = WITHOUT[name].to_json()
    done = chaos("--plan", plan, "--no-shrink", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def test_every_fault_is_met_often():
    numbers = seeds()
    assert len(numbers) == len(set(numbers)) == 200
    met = collections.Counter(
        kind for seed in numbers for kind in {f.kind for f in plan_of(seed).faults}
    )
    assert not {kind: met[kind] for kind in KINDS if met[kind] < AT_LEAST}


def test_a_plan_survives_its_own_text():
    for seed in seeds():
        assert Plan.from_json(plan_of(seed).to_json()) == plan_of(seed)


def test_the_smallest_list_that_fails_is_found():
    assert shrink(range(20), lambda items: {3, 11} <= set(items)) == [3, 11]
    assert shrink([1, 2, 3], lambda items: 2 in items) == [2]
