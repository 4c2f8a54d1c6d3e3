"""When each part of a log was stored, by the clock of the database."""

from __future__ import annotations

import time

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from ..actions.insert_operations import Candidate, insert_operations
from ..live.log_cursor import Follower
from ..live.snapshots import operation_state
from ..state import journal
from ..state.log import LOG_LIMIT, reason
from ..state.log_times import SPARE, parsed
from ..state.run import run_of
from ..statuses import OperationStatus
from ..swapper import load_model
from .base import TestUpgraderMixin

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
UpgradeOperation = load_model("UpgradeOperation")


class TestLogTimes(TestUpgraderMixin, TestCase):
    def setUp(self):
        super().setUp()
        image = self._create_firmware_image()
        device = self._create_device_with_connection(model=image.boards[0])
        self.operation = UpgradeOperation.objects.create(device=device, image=image)

    def _row(self):
        return UpgradeOperation.objects.get(pk=self.operation.pk)

    def _places(self):
        return [line.split()[0] for line in self._row().log_times.splitlines()]

    def _store(self, **values):
        UpgradeOperation.objects.filter(pk=self.operation.pk).update(**values)

    def test_each_write_leaves_its_place_and_time(self):
        before = int(time.time())
        self.operation.log_line("one")
        self.operation.log_line("zwei ü 🙂", save=False)
        self.operation.log_line("three")
        run_of(self.operation).record(lines=["four"], progress=10)
        row = self._row()
        self.assertEqual(row.log, "one\nzwei ü 🙂\nthree\nfour")
        self.assertEqual(self._places(), ["0", "3", "18"])
        times = parsed(row.log_times)
        self.assertEqual(list(times), [0, 4, 19])
        self.assertTrue(row.log[19:].startswith("four"))
        self.assertEqual(list(times), sorted(times))
        for moment in times.values():
            self.assertTrue(before - 1 <= moment <= time.time() + 1, moment)

    def test_a_write_is_one_query_and_tells_no_log_without_lines(self):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            self.operation.log_line("one")
        updates = [q for q in captured.captured_queries if "UPDATE" in q["sql"]]
        self.assertEqual(len(updates), 1)
        run_of(self.operation).record(progress=10)
        self.assertEqual(self._places(), ["0"])

    def test_what_1_3_1_has_logged_has_no_time(self):
        self._store(log="old\nlines")
        self.operation.log_line("new")
        self.assertEqual(self._row().log, "old\nlines\nnew")
        self.assertEqual(list(parsed(self._row().log_times)), [10])

    def test_a_full_log_takes_no_times(self):
        self._store(log="x" * LOG_LIMIT)
        self.operation.log_line("more")
        self.assertEqual(self._row().log_times, "")
        run_of(self.operation).finish(OperationStatus.FAILED, lines=["the end"])
        self.assertEqual(self._places(), [str(LOG_LIMIT)])

    def test_times_do_not_outgrow_the_log(self):
        for _number in range(600):
            self.operation.log_line("ok")
        row = self._row()
        self.assertEqual(row.log, "\n".join(["ok"] * 600))
        self.assertLess(len(row.log_times), len(row.log) + SPARE + 20)

    def test_cancelled_together_each_row_has_its_own_place(self):
        self._store(log="123456789")
        device = self._create_device(
            name="second",
            mac_address="00:11:22:33:44:77",
            model=self.operation.device.model,
            organization=self.operation.device.organization,
        )
        second = UpgradeOperation.objects.create(
            device=device, image=self.operation.image
        )
        journal.cancel_many([self.operation, second], "stopped")
        self.assertEqual(self._places(), ["9"])
        second.refresh_from_db()
        self.assertEqual(second.log_times.split()[0], "0")
        self.assertEqual(second.log, "stopped")

    def test_nobody_who_moves_an_operation_on_loads_the_times(self):
        self._store(log="a", log_times="0 1\n")
        operation = UpgradeOperation.objects.defer("log", "log_times").get()
        with CaptureQueriesContext(connection) as captured:
            operation.log_line("b")
        selects = [q["sql"] for q in captured.captured_queries]
        self.assertFalse([sql for sql in selects if 'SELECT "log_times"' in sql])
        self.assertIn("log_times", operation.get_deferred_fields())

    def test_followers_get_the_time_of_a_line(self):
        self.operation.log_line("one\ntwo")
        follower = Follower(self.operation.pk)
        with self.assertNumQueries(1):
            first, second, _state = follower.news()
        self.assertIn("time", first)
        self.assertNotIn("time", second)
        self.operation.log_line("three 🙂")
        self.operation.log_line("four")
        third, fourth = follower.news()
        self.assertEqual([third["line"], fourth["line"]], ["three 🙂", "four"])
        self.assertRegex(fourth["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+)")
        resumed = Follower(self.operation.pk, after_seq=3).news()
        self.assertEqual(resumed[0]["time"], fourth["time"])

    def test_states_tell_times_to_whoever_asks(self):
        self.operation.log_line("one")
        (usual,) = operation_state(self.operation.pk)
        self.assertNotIn("log_times", usual)
        self.assertNotIn("log_times", usual["operation"])
        (asked,) = operation_state(self.operation.pk, times=True)
        self.assertEqual(
            asked["log_times"],
            [list(pair) for pair in parsed(self._row().log_times).items()],
        )


class TestLogTimesOfRefusals(TestUpgraderMixin, TestCase):
    def test_what_is_refused_at_the_launch_has_a_time(self):
        environment = self._create_upgrade_env()
        environment["d1"].deviceconnection_set.update(enabled=False)
        candidate = Candidate(environment["d1"].pk, environment["image2a"])
        batch = BatchUpgradeOperation.objects.create(build=environment["build2"])
        insert_operations(batch, [candidate])
        refused = UpgradeOperation.objects.get(device=environment["d1"])
        self.assertEqual(refused.status, OperationStatus.ABORTED)
        self.assertEqual(list(parsed(refused.log_times)), [0])


class TestReasons(TestUpgraderMixin, TestCase):
    def _failed(self, *lines):
        image = self._create_firmware_image()
        device = self._create_device_with_connection(model=image.boards[0])
        operation = UpgradeOperation.objects.create(device=device, image=image)
        operation.log_line("Starting.")
        run_of(operation).finish(OperationStatus.FAILED, lines=lines)
        operation.refresh_from_db()
        return operation

    def test_sentence_of_the_engine_stands_before_what_the_device_said(self):
        text = "The device refused to flash the image: not for you\nImage check failed."
        operation = self._failed(text)
        self.assertEqual(operation.log, f"Starting.\n{text}")
        self.assertEqual(reason(operation.log, operation.evidence), text)
        (told,) = operation_state(operation.pk, times=True)
        self.assertEqual(told["reason_lines"], 2)

    def test_one_line_needs_no_evidence(self):
        operation = self._failed("No space left.")
        self.assertEqual(operation.evidence, {})
        self.assertEqual(reason(operation.log, operation.evidence), "No space left.")

    def test_long_answers_are_cut(self):
        operation = self._failed("Refused.\n" + "\n".join("x" * 50))
        shown = reason(operation.log, operation.evidence).split("\n")
        self.assertEqual(shown[0], "Refused.")
        self.assertEqual(len(shown), 12)
