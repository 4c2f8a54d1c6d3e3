"""One part of the test suite."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .job import Job
from .results import Failure, Result

# runs all tests of a part, or only those whose labels it is given
Run = Callable[[Job, list[str]], Result]


@dataclass(frozen=True)
class Part:
    """One part of the suite.

    Attributes:
        name: what ``./runtests`` calls it.
        what: what it checks.
        run: runs its tests.
        lane: parts of different lanes run at the same time.
        real_clock: whether all its tests start processes or browsers, or wait for real
            clocks; otherwise those that are marked so.
        minutes: after which it is stopped.
    """

    name: str
    what: str
    run: Run
    lane: str = ""
    real_clock: bool = False
    minutes: float = 40


def run_part(
    part: Part, tests: list[str], end: float = float("inf"), prefix: str = ""
) -> Result:
    """Runs a part in a folder of its own.

    Arguments:
        part: which.
        tests: labels of single tests, empty for all.
        end: ``time.monotonic()`` after which it is stopped in any case.
        prefix: of each line of output.

    Returns its result; what keeps it from running at all is a failure of the part.
    """
    started = time.monotonic()
    end = min(end, started + part.minutes * 60)
    # something that outlives the part may still write there
    options = {"prefix": "fw", "dir": "/tmp", "ignore_cleanup_errors": True}
    with tempfile.TemporaryDirectory(**options) as folder:
        # PostgreSQL runs as another user
        Path(folder).chmod(0o755)
        job = Job(part.name, Path(folder), end, prefix)
        try:
            result = part.run(job, tests)
        except (Exception, SystemExit) as error:  # noqa: BLE001 the others shall go on
            why = f"could not be run: {error!r}"
            job.print_line(f"=== {part.name} {why}")
            result = Result(failures=[Failure(part.name, " ".join(why.split()))])
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    job.print_line(f"=== {part.name} took {minutes}:{seconds:02d}")
    return result
