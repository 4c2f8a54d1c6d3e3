"""The fencing of the engine under random crashes, pauses and messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stack import Project

PROGRAM = Path(__file__).with_name("claim_protocol.py")
SEEDS = range(1, 9)
BY_DEFAULT = 2
slow = pytest.mark.slow


def experiment(project, seed: int, *options: str) -> dict:
    """Runs the experiment in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(seed), *options],
        capture_output=True,
        text=True,
        check=False,
        env=project.whole_environment(FIRMWARE_LOG_LEVEL="CRITICAL"),
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(found: dict) -> None:
    """Nobody is flashed twice, all ended, one accepted end each."""
    assert found["operations"] == 120
    assert not [what for what in found["seen"] if "error" in what], found
    assert found["left"] == 0, found
    assert found["flashed twice"] == 0, found
    assert found["ends"] == [1], found
    assert found["ended"] == 120, found
    assert found["success"] + found["aborted"] == 120, found
    assert found["success"] >= 60, found
    # an experiment without accidents proves nothing
    assert found["seen"]["crash"] > 5, found
    assert found["seen"]["pause"] > 5, found
    assert found["seen"]["lost message"] > 2, found


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=() if seed <= BY_DEFAULT else slow) for seed in SEEDS],
)
def test_nobody_is_flashed_twice(project, seed):
    check(experiment(project, seed))


def test_without_the_run_number_there_are_violations(project):
    for seed in SEEDS:
        found = experiment(project, seed, "--no-guard")
        if found["flashed twice"] or found["ends"] != [1]:
            return
    pytest.fail("the experiment sees no violation without the guard")


def test_nobody_is_flashed_twice_on_spatialite():
    project = Project("spatialite")
    try:
        project.migrate()
        check(experiment(project, 1))
    finally:
        project.stop()
