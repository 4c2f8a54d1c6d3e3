"""What a worker leaves out because it would only cost processor time."""

from __future__ import annotations

import io
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from django.test import TransactionTestCase
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError
from swapper import load_model as load_any_model

from ..engine import worker
from ..engine.connections import open_connection
from ..images import ImageStream
from ..state import keeper, leases
from ..state.run import Run, run_of
from ..statuses import Phase
from ..swapper import load_model
from ..upgraders.base import Step, StepRunner
from .devices import FakeDeviceMixin, reached

DeviceConnection = load_any_model("connection", "DeviceConnection")


@contextmanager
def at_work(operation):
    """Holds an operation as a worker does, without the thread that watches it."""
    number = leases.claim(operation.pk, seconds=60)
    with keeper.running(Run(operation, number, limit=60, lease=60)) as run:
        run.is_watched = True
        yield run


class TestImageStream(TransactionTestCase):
    def _stream(self, size):
        content = bytes(range(256)) * (size // 256)
        return content, ImageStream(io.BytesIO(content), size, lambda sent: None)

    def test_scp_gets_a_whole_window_of_the_device(self):
        content, stream = self._stream(60 * 1024)
        pieces = []
        while not stream.is_complete:
            pieces.append(stream.read(16 * 1024))
        self.assertEqual([len(piece) for piece in pieces], [24576, 24576, 12288])
        self.assertEqual(b"".join(pieces), content)
        self.assertEqual(stream.tell(), len(content))

    def test_others_get_no_more_than_they_ask_for(self):
        _content, stream = self._stream(60 * 1024)
        self.assertEqual(len(stream.read(1000)), 1000)
        self.assertEqual(len(stream.read(1024 * 1024)), 24576)
        self.assertEqual(len(stream.read()), 24576)


class TestOpenConnection(FakeDeviceMixin, TransactionTestCase):
    def test_a_worker_reads_the_connection_with_its_device(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = self._fake(device)
        unsaved = mock.patch.object(DeviceConnection, "save")
        with (
            at_work(operation) as run,
            reached(fake),
            unsaved,
            self.assertNumQueries(1),
        ):
            found = open_connection(run, device)
        self.assertTrue(found.is_working)
        self.assertEqual(found.device_id, device.pk)

    def test_connections_that_do_not_work_are_tried_and_noted(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = mock.Mock()
        fake.connect.side_effect = OSError("no route to host")
        no_connection = self.assertRaises(NoWorkingDeviceConnectionError)
        with at_work(operation) as run, reached(fake), no_connection as raised:
            open_connection(run, device)
        connection = device.deviceconnection_set.get()
        self.assertEqual(raised.exception.connection, connection)
        self.assertIs(connection.is_working, False)
        self.assertEqual(connection.failure_reason, "no route to host")

    def test_other_protocols_are_left_alone(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        found = list(device.deviceconnection_set.select_related("credentials"))
        found[0].credentials.connector = "openwisp_controller.snmp.Snmp"
        no_connection = self.assertRaises(NoWorkingDeviceConnectionError)
        with at_work(operation) as run, reached(self._fake(device)), no_connection:
            open_connection(run, device, found)

    def test_disabled_connections_are_left_alone(self):
        device, image = self._environment()
        device.deviceconnection_set.update(enabled=False)
        operation = self._operation(device, image)
        no_connection = self.assertRaises(NoWorkingDeviceConnectionError)
        with at_work(operation) as run, no_connection as raised:
            open_connection(run, device)
        self.assertIsNone(raised.exception.connection)

    def test_whoever_replaced_the_choice_is_asked(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        chosen = object()

        @classmethod
        def own(cls, device, connector=None):
            return chosen

        replaced = mock.patch.object(DeviceConnection, "get_working_connection", own)
        with at_work(operation) as run, replaced:
            self.assertIs(open_connection(run, device), chosen)


class Steps(StepRunner):
    """Two steps that take no time, and one in a phase of its own."""

    steps = (
        Step("_first", reaches=10),
        Step("_second", reaches=15),
        Step("_third", phase=Phase.UPLOAD, reaches=60),
    )

    def __init__(self, operation):
        self.upgrade_operation = operation
        self.seen = []

    def _look(self):
        row = load_model("UpgradeOperation").objects.get(pk=self.upgrade_operation.pk)
        self.seen.append((row.phase, row.progress))

    _first = _second = _third = _look

    def _check_cancellation(self):
        pass


class TestMoves(FakeDeviceMixin, TransactionTestCase):
    def _seen(self, watched):
        device, image = self._environment()
        operation = self._operation(device, image)
        runner = Steps(operation)
        with at_work(operation) as held:
            held.is_watched = watched
            runner.run_steps()
        operation.refresh_from_db()
        self.assertEqual(operation.progress, 60)
        return runner.seen

    def test_moves_of_milliseconds_are_one_write_of_a_worker(self):
        # a new phase is written at once
        expected = [("queued", 0), ("queued", 0), ("upload", 15)]
        self.assertEqual(self._seen(watched=True), expected)

    def test_slow_moves_are_written_one_by_one(self):
        with mock.patch("openwisp_firmware_upgrader.upgraders.base.MOVES_EVERY", 0):
            expected = [("queued", 0), ("queued", 10), ("upload", 15)]
            self.assertEqual(self._seen(watched=True), expected)

    def test_outside_of_workers_each_move_is_written(self):
        expected = [("queued", 0), ("queued", 10), ("upload", 15)]
        self.assertEqual(self._seen(watched=False), expected)


class TestStaleWakeUps(FakeDeviceMixin, TransactionTestCase):
    def _work(self, pk, run):
        request = SimpleNamespace(called_directly=False, is_eager=False, args=[pk])
        worker.work(SimpleNamespace(request=request), pk, run)

    def test_one_query_shows_that_another_slot_was_faster(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        run = leases.claim(operation.pk, seconds=60)
        leases.release(operation.pk, run)
        with self.assertNumQueries(1):
            self._work(operation.pk, run - 1)
        run_of(operation).finish("failed")
        with self.assertNumQueries(1):
            self._work(operation.pk, run)
        operation.refresh_from_db()
        self.assertEqual(operation.runs, run)

    def test_a_deleted_operation_is_said(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        pk = operation.pk
        operation.delete()
        with self.assertLogs(worker.logger, "WARNING") as logs:
            self._work(pk, 1)
        self.assertIn(str(pk), logs.output[0])
