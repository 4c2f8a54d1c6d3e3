"""Which failures are repeated, and what makes a run red."""

from __future__ import annotations

import pytest

from .fakes import DIES, FAILS, FAILS_ONCE, PASSES, Part

# how a runner ends early, with a report that looks whole
CUT_SHORT = {
    "pytest.exit": "pytest.exit('enough')",
    "interrupt": "raise KeyboardInterrupt",
    "exit code": "import atexit\natexit.register(os._exit, 77)",
    "session": "request.session.shouldfail = 'enough'",
}


def test_a_test_that_fails_once_is_unstable(fakes):
    part = fakes.pytest("worker", {"a": PASSES, "b": FAILS_ONCE}, real_clock=True)
    outcome = fakes.run(part)
    assert outcome.code == 0
    (line,) = outcome.unstable
    assert line.startswith("unstable worker: ")
    assert "test_worker.py::test_b" in line
    assert line.endswith("AssertionError: the machine was busy")
    assert outcome.last_lines[-1] == "2 passed, 0 failed"
    assert fakes.diary.count("begin b") == 2
    assert fakes.diary.count("begin a") == 1


def test_a_test_that_fails_twice_makes_the_run_red(fakes):
    part = fakes.pytest("worker", {"a": PASSES, "b": FAILS}, real_clock=True)
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert outcome.unstable == []
    *_others, failed, parts, numbers = outcome.last_lines
    assert failed.startswith("FAILED ")
    assert failed.endswith("test_b: failed twice: AssertionError: always wrong")
    assert parts == "Failed parts: worker"
    assert numbers == "1 passed, 1 failed"
    assert fakes.diary.count("begin b") == 2


@pytest.mark.parametrize(("number", "code"), [(3, 0), (4, 1)])
def test_more_than_three_unstable_tests_make_the_run_red(fakes, number, code):
    tests = {f"t{i}": FAILS_ONCE for i in range(number - 1)}
    outcome = fakes.run(
        fakes.pytest("worker", tests, real_clock=True),
        fakes.pytest("device", {"other": FAILS_ONCE}, real_clock=True),
    )
    assert outcome.code == code
    assert len(outcome.unstable) == number
    assert outcome.last_lines[-1] == f"{number} passed, {code} failed"
    assert ("FAILED too many unstable tests" in outcome.output) == bool(code)


def test_a_deterministic_suite_is_never_repeated(fakes):
    outcome = fakes.run(
        fakes.pytest("unit", {"a": FAILS_ONCE, "b": PASSES}),
        fakes.pytest("worker", {"c": FAILS_ONCE}, real_clock=True),
    )
    assert outcome.code == 1
    assert fakes.diary.count("begin a") == 1
    assert len(outcome.unstable) == 1
    assert outcome.last_lines[-1] == "2 passed, 1 failed"


def test_a_marked_test_of_a_deterministic_suite_is_repeated(fakes):
    mark = "@pytest.mark.real_clock"
    outcome = fakes.run(fakes.pytest("api", {"a": FAILS_ONCE}, mark))
    assert outcome.code == 0
    assert len(outcome.unstable) == 1


@pytest.mark.parametrize(
    ("mark", "real_clock", "code"),
    [("", True, 0), ("@tag('real_clock')", False, 0), ("", False, 1)],
    ids=["suite", "tag", "neither"],
)
def test_tests_of_django_are_repeated_alike(fakes, mark, real_clock, code):
    tests = {"a": PASSES, "b": FAILS_ONCE}
    part = fakes.django("unit", tests, mark, real_clock=real_clock)
    outcome = fakes.run(part)
    assert outcome.code == code
    assert len(outcome.unstable) == 1 - code
    assert outcome.last_lines[-1] == f"{2 - code} passed, {code} failed"
    assert fakes.diary.count("begin a") == 1


@pytest.mark.parametrize("tagged", [False, True], ids=["suite", "tag"])
def test_a_class_of_django_that_cannot_begin_is_repeated(fakes, tagged):
    tests = {"a": PASSES, "b": PASSES}
    part = fakes.django("browser", tests, real_clock=not tagged)
    file = fakes.folder / "openwisp_fake_browser.py"
    set_up = """
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if first_time('browser'):
            raise RuntimeError('no browser')
"""
    text = file.read_text().replace("class Test_b", "@tag('real_clock')\nclass Test_b")
    file.write_text((text if tagged else file.read_text()) + set_up)
    outcome = fakes.run(part)
    assert outcome.code == 0
    (line,) = outcome.unstable
    assert "setUpClass" in line
    assert "no browser" in line
    assert outcome.last_lines[-1] == "2 passed, 0 failed"


def test_sub_tests_are_one_test(fakes):
    loop = """
for number in range(3):
    with self.subTest(number=number):
        {fails}
"""
    tests = {"a": loop.replace("{fails}", FAILS), "b": PASSES}
    outcome = fakes.run(fakes.django("worker", tests, real_clock=True))
    assert outcome.code == 1
    assert fakes.diary.count("begin a") == 2
    assert outcome.last_lines[-1] == "1 passed, 1 failed"


def test_a_tear_down_that_fails_is_a_failure(fakes):
    fixture = (
        "@pytest.fixture\ndef broken():\n    yield\n    assert first_time('down')\n"
    )
    mark = f"{fixture}@pytest.mark.usefixtures('broken')"
    part = fakes.pytest("worker", {"a": PASSES, "b": PASSES}, mark, real_clock=True)
    outcome = fakes.run(part)
    # the flag was laid by the test before
    assert outcome.code == 1
    assert outcome.last_lines[-1] == "1 passed, 1 failed"


def test_a_module_that_cannot_be_read_is_not_repeated(fakes):
    part = fakes.pytest("worker", {"a": PASSES}, real_clock=True)
    (fakes.folder / "test_worker.py").write_text("import nothing_of_this_name")
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert "again, alone" not in outcome.output
    assert "nothing_of_this_name" in outcome.last_lines[0]
    assert outcome.last_lines[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("kind", ["pytest", "django"])
def test_a_runner_that_leaves_without_a_word_makes_the_run_red(fakes, kind):
    part = getattr(fakes, kind)("worker", {"a": PASSES, "b": DIES}, real_clock=True)
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert "before it had finished" in outcome.output
    assert "again, alone" not in outcome.output
    assert outcome.last_lines[-1].endswith(" 1 failed")


def test_what_fails_everywhere_is_not_repeated(fakes):
    tests = {f"t{number}": FAILS_ONCE for number in range(11)}
    outcome = fakes.run(fakes.pytest("worker", tests, real_clock=True))
    assert outcome.code == 1
    assert "again, alone" not in outcome.output
    assert "11 tests failed that are repeated where there are 10 at most" in (
        outcome.output
    )
    assert outcome.last_lines[-1] == "0 passed, 11 failed"


def test_a_part_that_cannot_start_makes_the_run_red(fakes):
    good = fakes.pytest("unit", {"a": PASSES})

    def cannot(job, tests):
        raise FileNotFoundError("postgres is missing")

    broken = Part("worker", "a fake suite", cannot, real_clock=True)
    outcome = fakes.run(broken, good)
    assert outcome.code == 1
    assert "postgres is missing" in outcome.last_lines[0]
    assert outcome.last_lines[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize("how", CUT_SHORT)
def test_a_runner_that_ends_early_makes_the_run_red(fakes, how):
    tests = {"a": FAILS_ONCE, "b": CUT_SHORT[how], "c": PASSES}
    part = fakes.pytest("worker", tests, real_clock=True)
    outcome = fakes.run(part)
    assert outcome.code == 1
    assert "FAILED worker: ended with exit code" in outcome.output


def test_a_runner_of_django_that_dies_at_its_end_makes_the_run_red(fakes):
    tests = {"a": FAILS_ONCE, "b": CUT_SHORT["exit code"]}
    outcome = fakes.run(fakes.django("worker", tests, real_clock=True))
    assert outcome.code == 1
    assert "FAILED worker: ended with exit code 77" in outcome.output


@pytest.mark.parametrize("kind", ["pytest", "django"])
def test_a_part_without_tests_makes_the_run_red(fakes, kind):
    outcome = fakes.run(getattr(fakes, kind)("worker", {}, real_clock=True))
    assert outcome.code == 1
    assert outcome.last_lines[-1] == "0 passed, 1 failed"


def test_a_part_that_leaves_takes_nobody_with_it(fakes):
    def leaves(job, tests):
        raise SystemExit

    parts = [
        fakes.pytest("unit", {"a": FAILS}, lane="x"),
        Part("worker", "a fake suite", leaves, lane="x"),
        fakes.pytest("api", {"b": FAILS}, lane="x"),
    ]
    outcome = fakes.run(*parts, together=True)
    assert outcome.code == 1
    assert "Failed parts: unit, worker, api" in outcome.last_lines
    assert outcome.last_lines[-1] == "0 passed, 3 failed"
