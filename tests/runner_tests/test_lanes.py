"""Parts that run side by side, and suites that hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stack.project import wait_for

from .fakes import FAILS_ONCE, HANGS, PASSES, SCRIPTS

RUNNER = """
import signal, sys
# whoever runs us in the background has made us ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {scripts!r})
import run_suites
from suites.part import Part

def hangs(job, tests):
    return job.pytest([{file!r}])

run_suites.choose = lambda names: [Part(n, "a fake suite", hangs, lane=n) for n in "xy"]
sys.exit(run_suites.main([]))
"""
STARTS_SLEEPER = f"""
import subprocess
sleeper = subprocess.Popen(['sleep', '600'], start_new_session=True)
(FOLDER / 'pid').write_text(str(sleeper.pid))
{HANGS}
"""


def ended(pid: int) -> bool:
    """Returns whether a process has ended; an orphan may wait for its parent."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
    except FileNotFoundError:
        return True


def test_a_test_is_repeated_alone_after_everything_else(fakes):
    # the other lane goes on: whoever repeats too early has the time to do it
    waits = "wait_for_line('end b')\ntime.sleep(1)"  # that time
    outcome = fakes.run(
        fakes.pytest(
            "worker", {"a": FAILS_ONCE, "b": PASSES}, real_clock=True, lane="x"
        ),
        fakes.pytest("browser", {"c": waits}, real_clock=True, lane="y"),
        fakes.pytest("unit", {"d": waits}, lane="y"),
        together=True,
    )
    assert outcome.code == 0
    assert len(outcome.unstable) == 1
    assert outcome.last_lines[-1] == "4 passed, 0 failed"
    assert fakes.diary[-2:] == ["begin a", "end a"]
    assert fakes.diary.count("begin a") == 2
    assert fakes.diary.index("end d") == len(fakes.diary) - 3
    for lane in "xy":
        assert f"\n{lane:8}| === " in f"\n{outcome.output}"


def test_a_hung_suite_is_stopped_and_makes_the_run_red(fakes):
    tests = {"a": FAILS_ONCE, "b": STARTS_SLEEPER, "c": PASSES}
    hung = fakes.pytest("worker", tests, real_clock=True, minutes=0.2, lane="x")
    good = fakes.pytest("unit", {"d": PASSES}, lane="x")
    started = time.monotonic()
    outcome = fakes.run(hung, good, together=True)
    assert time.monotonic() - started < 300
    assert outcome.code == 1
    assert "=== worker is stopped: it had not ended after 12 s" in outcome.output
    # where it stood, from the process itself
    assert "test_worker.py" in outcome.output.partition("is stopped")[2]
    assert "in test_b" in outcome.output
    (failed,) = [line for line in outcome.last_lines if line[:7] == "FAILED "]
    assert "FAILED worker: was stopped while it ran test_worker.py::test_b" in failed
    # what it says of the test before holds, and the part after it ran
    assert len(outcome.unstable) == 1
    assert outcome.last_lines[-1] == "2 passed, 1 failed"
    pid = int((fakes.folder / "pid").read_text())
    wait_for(lambda: ended(pid), "the end of the sleeper", 60)


def test_who_keeps_the_output_open_holds_nobody(fakes):
    # of Django: pytest gives its tests another output
    stays = "subprocess.Popen(['sleep', '600'], start_new_session=True).pid"
    tests = {"a": f"import subprocess\n(FOLDER / 'pid').write_text(str({stays}))"}
    outcome = fakes.run(
        fakes.django("worker", tests, lane="x"),
        fakes.pytest("unit", {"b": PASSES}, lane="y"),
        together=True,
        minutes=5,
    )
    pid = int((fakes.folder / "pid").read_text())
    assert not ended(pid)
    os.kill(pid, signal.SIGKILL)
    assert outcome.last_lines[-1] == "2 passed, 0 failed"


def test_a_hung_test_fails_alone_and_is_repeated(fakes):
    tests = {"a": f"if first_time('a'):\n    {HANGS}", "b": PASSES}
    mark = "@pytest.mark.timeout(3)"
    outcome = fakes.run(fakes.pytest("worker", tests, mark, real_clock=True))
    assert outcome.code == 0
    (line,) = outcome.unstable
    assert "test_a: Failed: Timeout" in line
    assert outcome.last_lines[-1] == "2 passed, 0 failed"


def test_a_hung_suite_of_django_is_stopped(fakes):
    part = fakes.django("worker", {"a": HANGS}, real_clock=True, minutes=0.1)
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert "FAILED worker: was stopped" in outcome.output
    assert outcome.last_lines[-1] == "0 passed, 1 failed"


def test_a_repetition_that_hangs_is_stopped(fakes):
    body = f"if not first_time('a'):\n    {HANGS}\nassert False"
    part = fakes.pytest("worker", {"a": body}, real_clock=True, minutes=0.2)
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert "failed twice" in outcome.output
    assert outcome.last_lines[-1] == "0 passed, 1 failed"


def test_all_end_when_the_time_of_the_run_is_over(fakes):
    outcome = fakes.run(
        fakes.pytest("worker", {"a": HANGS}, real_clock=True, lane="x"),
        fakes.pytest("device", {"b": PASSES}, real_clock=True, lane="x"),
        fakes.pytest("unit", {"c": PASSES}, lane="y"),
        together=True,
        minutes=0.2,
    )
    assert outcome.code == 1
    assert "FAILED worker: was stopped" in outcome.output
    assert "FAILED device: was stopped" in outcome.output
    assert outcome.last_lines[-1] == "1 passed, 2 failed"
    assert fakes.diary.count("begin b") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_started_ends_with_the_runner(fakes, number):
    fakes.pytest("worker", {"a": STARTS_SLEEPER})
    file = str(fakes.folder / "test_worker.py")
    program = fakes.folder / "runner.py"
    program.write_text(RUNNER.format(scripts=str(SCRIPTS), file=file))
    runner = subprocess.Popen([sys.executable, str(program)])
    pid_file = fakes.folder / "pid"
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), "the sleeper", 60)
    runner.send_signal(number)
    assert runner.wait(60) != 0
    wait_for(lambda: ended(int(pid_file.read_text())), "the end of the sleeper", 60)
