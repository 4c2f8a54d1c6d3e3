"""Two thousand generated requests of every role, by one process for each core."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import sys
import time

import pytest

from .test_schemathesis import SEED, connections_kept, drive, schema_of

pytestmark = pytest.mark.usefixtures("project")
REQUESTS = int(os.environ.get("SCHEMATHESIS_ALL_REQUESTS", "2000"))


def work(number, of, folder):
    """Sends every role's requests to each ``of``-th operation; a process of its own.

    It has objects of its own, which no other process sees, as nothing is committed.
    """
    from django.db import transaction

    from .world import World

    # nobody sees what a process prints until all have ended
    sys.stdout = (folder / f"{number}.txt").open("w")
    logging.disable(logging.ERROR)
    with transaction.atomic():
        world = World(f"schema{number}-")
        schema = schema_of(world)
        try:
            share = slice(number, None, of)
            # Django's test client, which fetched the document, undoes this
            with connections_kept():
                drive(schema, world, REQUESTS, SEED, share)
        finally:
            sys.stdout.flush()
            transaction.set_rollback(True)


@pytest.mark.long
def test_all(project, tmp_path):
    from django.db import connections

    # a connection cannot be shared with a fork
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    number = max(os.cpu_count() or 1, 2)
    workers = [
        fork.Process(target=work, args=(each, number, tmp_path))
        for each in range(number)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - started
    for each in range(number):
        print((tmp_path / f"{each}.txt").read_text())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{took:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of a processor")
    assert [worker.exitcode for worker in workers] == [0] * number
