"""Twenty thousand random requests of each role: no error 500, nothing foreign told.

Every request is made from its role and number alone, so each can be repeated:
``FUZZ_SEED=operator:17``. Other numbers than those of every run are tried with
``FUZZ_START=1000000``, more or fewer of them with ``FUZZ_REQUESTS``. Add what finds
something to ``seeds.txt``, whose requests are sent first.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.slow]
SEEDS = Path(__file__).with_name("seeds.txt")
ROLES = ("anonymous", "operator", "administrator", "superuser")
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "20000"))
START = int(os.environ.get("FUZZ_START", "0"))
PROCESSES = 2
# what one process tells at most
ENOUGH = 40


def seeds():
    """Returns (role, number) of requests that once found something."""
    text = os.environ.get("FUZZ_SEED", SEEDS.read_text())
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    pairs = [line.split(":") for line in lines if line]
    return [(role, int(number)) for role, number in pairs]


def plan(share):
    """Yields (role, number) of all requests that one of the processes sends."""
    yield from seeds()[share::PROCESSES]
    if "FUZZ_SEED" not in os.environ:
        for number in range(START + share, START + REQUESTS, PROCESSES):
            yield from ((role, number) for role in ROLES)


def work(share, folder):
    """Sends a share of the requests; a process of its own."""
    from .fuzzer import fuzzing

    # nobody sees what a process prints until all have ended
    sys.stdout = (folder / f"{share}.txt").open("w", errors="backslashreplace")
    wrong = 0
    with fuzzing(f"fuzz{share}-") as fuzzer:
        for role, number in plan(share):
            if told := fuzzer.send(role, number):
                print(told)
                wrong += 1
            if wrong == ENOUGH:
                break
        print(fuzzer.summary())
    sys.stdout.flush()
    sys.exit(1 if wrong else 0)


# some eight minutes of two cores that do nothing else
@pytest.mark.timeout(2400)
def test_no_request_of_any_role_is_an_error(project, tmp_path):
    from django.db import connections

    # a connection cannot be shared with a fork
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    workers = [
        fork.Process(target=work, args=(share, tmp_path)) for share in range(PROCESSES)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for share in range(PROCESSES):
        print((tmp_path / f"{share}.txt").read_text())
    print(f"{time.monotonic() - started:.0f} s")
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES


def test_a_request_is_made_from_its_number_alone(project):
    from .fuzzer import fuzzing

    with fuzzing("fuzz-again-") as fuzzer:
        sent = [fuzzer.request("operator", number) for number in range(300)]
        assert [fuzzer.request("operator", number) for number in range(300)] == sent
    assert len({str(request) for request in sent}) > 250


def test_a_missing_safeguard_is_noticed(project, monkeypatch):
    from openwisp_firmware_upgrader.admin import guarded_input

    from .fuzzer import fuzzing

    monkeypatch.setattr(guarded_input, "is_storable", lambda _value: True)
    monkeypatch.setattr(guarded_input, "DataError", KeyError)
    with fuzzing("fuzz-unguarded-") as fuzzer:
        told = (fuzzer.send("superuser", number) for number in range(2000))
        found = next(filter(None, told), "")
    assert re.match(r"FUZZ_SEED=superuser:\d+ 500 DataError", found)
