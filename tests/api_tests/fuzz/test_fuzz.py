"""Twenty thousand random requests of each role: no error 500, nothing foreign told.

Every request is made from its role and number alone, so each can be repeated as long
as nothing is changed here: ``FUZZ_SEED=operator:17``. Other numbers than those of
every run are tried with ``FUZZ_START=1000000``, more or fewer of them with
``FUZZ_REQUESTS``. What finds something prints a line for ``kept.txt``, whose requests
are sent first every time.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import sys
import time
from itertools import islice

import pytest

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.slow]
ROLES = ("anonymous", "operator", "administrator", "superuser")
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "20000"))
SEED = os.environ.get("FUZZ_SEED", "")
START = int(os.environ.get("FUZZ_START", "0"))
PROCESSES = 2
# what one process tells at most
ENOUGH = 40


def wrong_answers(fuzzer, share):
    """Yields what is wrong with the answers to a share of all requests."""
    from .kept import FILE, read

    for role, request in read(FILE.read_text(), fuzzer.world):
        yield fuzzer.send_this(role, request)
    if SEED:
        role, _colon, number = SEED.partition(":")
        yield fuzzer.send(role, int(number))
        return
    for number in range(START + share, START + REQUESTS, PROCESSES):
        for role in ROLES:
            yield fuzzer.send(role, number)


def work(share, folder):
    """Sends a share of the requests; a process of its own."""
    from .fuzzer import fuzzing

    # nobody sees what a process prints until all have ended
    sys.stdout = (folder / f"{share}.txt").open("w", errors="backslashreplace")
    with fuzzing(f"fuzz{share}-") as fuzzer:
        # the collector need not look through what stays for ever
        gc.collect()
        gc.freeze()
        answers = filter(None, wrong_answers(fuzzer, share))
        wrong = list(islice(answers, ENOUGH))
        print(*wrong, sep="\n")
        print(fuzzer.summary())
    sys.stdout.flush()
    sys.exit(1 if wrong else 0)


# some eight minutes of two cores that do nothing else
@pytest.mark.timeout(1800)
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


def test_a_request_survives_its_own_line(project):
    from .fuzzer import fuzzing
    from .kept import read, written

    with fuzzing("fuzz-kept-") as fuzzer:
        for number in range(300):
            request = fuzzer.request("operator", number)
            line = written("operator", request, fuzzer.world)
            assert list(read(line, fuzzer.world)) == [("operator", request)]
            assert not any(key in line for key in fuzzer.foreign)


def test_a_missing_safeguard_is_noticed(project, monkeypatch):
    from openwisp_firmware_upgrader.admin.shared import guarded_input

    from .fuzzer import fuzzing

    monkeypatch.setattr(guarded_input, "is_storable", lambda _value: True)
    monkeypatch.setattr(guarded_input, "DataError", KeyError)
    with fuzzing("fuzz-unguarded-") as fuzzer:
        told = (fuzzer.send("superuser", number) for number in range(2000))
        found = next(filter(None, told), "")
    assert re.match(r"FUZZ_SEED=superuser:\d+ 500 DataError", found)
