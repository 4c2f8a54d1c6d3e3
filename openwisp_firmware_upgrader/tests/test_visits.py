"""Visits to a flashed device are counted, and what is found out is not lost."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from unittest import mock

from celery.exceptions import Ignore, SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.test import TransactionTestCase
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kombu.exceptions import OperationalError as BrokerError
from openwisp_controller.connection import exceptions as controller
from openwisp_controller.connection.connectors import exceptions as connectors
from openwisp_controller.connection.connectors import ssh as controllers_ssh
from paramiko import AuthenticationException, SSHException
from redis.exceptions import RedisError
from swapper import load_model as load_any_model

from .. import exceptions
from ..actions.resume_operations import take_back_expired
from ..engine import connections, outcomes, verify, worker
from ..exceptions import (
    RecoverableFailure,
    UpgradeAborted,
    UpgradeCancelled,
)
from ..statuses import Phase
from ..swapper import load_model
from ..upgraders.openwrt import OpenWrt
from .devices import AFTER, FakeDeviceMixin, Speechless, reached

DeviceConnection = load_any_model("connection", "DeviceConnection")

FLASHED = {"flash_sent_at": "2026-01-01T00:00:00+00:00", "boot_id": "before"}
# as `reached` limits them
VISITS = 2

OURS = [
    kind
    for kind in vars(exceptions).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
]
FOREIGN = [
    ArithmeticError,
    AssertionError,
    AttributeError,
    AuthenticationException,
    BrokerError,
    DataError,
    EOFError,
    Ignore,
    IntegrityError,
    InterfaceError,
    KeyError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    OperationalError,
    RecursionError,
    RedisError,
    SSHException,
    SoftTimeLimitExceeded,
    StopIteration,
    TimeoutError,
    TypeError,
    UnicodeError,
    ValidationError,
    ValueError,
    connectors.CommandFailedException,
    connectors.CommandTimeoutException,
    controller.NoWorkingDeviceConnectionError,
]
TAKE_A_CONNECTION = (controller.NoWorkingDeviceConnectionError,)


# after these nothing of the worker runs any more
DEADLY = [GeneratorExit, KeyboardInterrupt, SystemExit]

PACKAGE = Path(verify.__file__).parent.parent
# the row itself, and what is concluded: without a database nothing can end
TRUSTED = ("state", "protocols")
CONCLUDING = {verify._judge.__code__}


def fails(code):
    """Tells whether a call of this code may raise whatever it likes."""
    if code is verify.verify_device.__code__:
        # it has not begun
        return False
    path = Path(code.co_filename)
    if str(path) == controllers_ssh.__file__:
        return True
    if PACKAGE not in path.parents or path == Path(outcomes.__file__):
        return False
    return path.relative_to(PACKAGE).parts[0] not in TRUSTED


@contextmanager
def failing(number, error):
    """Makes the call with a number raise an error, on the way to the conclusion."""
    left = number

    def trace(frame, event, argument):
        nonlocal left
        if event != "call" or left < 0 or frame.f_code in CONCLUDING:
            left = -1
            return
        if fails(frame.f_code):
            left -= 1
            if left < 0:
                raise error
        return

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


class VisitsMixin(FakeDeviceMixin):
    """Makes operations whose device was flashed."""

    def _flashed(self, **fields):
        device, image = self._environment()
        operation = self._operation(device, image)
        self._set(operation, **fields)
        return operation, self._fake(device, release=AFTER)

    def _set(self, operation, **fields):
        flashed = {"phase": Phase.REBOOT, "progress": 65, "evidence": FLASHED}
        lease = {"lease_expires_at": None, "next_run_at": None, "attempts": 0}
        start = {"status": "in-progress", "log": "", **flashed, **lease, **fields}
        rows = type(operation).objects.filter(pk=operation.pk)
        rows.update(**start)
        operation.refresh_from_db()

    def _expire(self, rows):
        # as when a worker has died and the next tick comes
        past = timezone.now() - timedelta(seconds=9)
        rows.filter(status="in-progress").update(lease_expires_at=past)
        take_back_expired()


class TestVisits(VisitsMixin, TransactionTestCase):
    def test_an_operation_ends_whatever_is_raised(self):
        operation, fake = self._flashed()
        # hundreds of tracebacks
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @example(kind=Speechless, number=20, visits=VISITS)
        @given(
            kind=st.sampled_from([*OURS, *FOREIGN, *DEADLY, Speechless]),
            number=st.integers(0, 70),
            visits=st.integers(1, VISITS),
        )
        def ends(kind, number, visits):
            self._set(operation)
            with reached(fake):
                made = self._visit_until_it_ends(operation, kind, number, visits)
            self.assertIn(operation.status, ("success", "failed"), operation.log)
            # nobody sees the last one end that kills its worker
            self.assertLessEqual(made, VISITS + (kind in DEADLY), operation.log)

        ends()

    def _visit_until_it_ends(self, operation, kind, number, visits):
        error = kind(None) if kind in TAKE_A_CONNECTION else kind("why")
        made, visit = [], worker.verify_device

        def failing_visit(run):
            made.append(run)
            if len(made) > visits:
                return visit(run)
            with failing(number, error):
                return visit(run)

        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        with mock.patch.object(worker, "verify_device", failing_visit):
            while operation.status == "in-progress" and len(made) < 2 * VISITS:
                self._expire(rows)
                with suppress(*DEADLY):
                    rows.get().upgrade(recoverable=False)
                operation.refresh_from_db()
        return len(made)

    def test_a_connection_that_cannot_be_closed_changes_no_verdict(self):
        operation, fake = self._flashed()
        broken = mock.patch.object(connections, "hang_up", side_effect=OSError("x"))
        with reached(fake), broken:
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)

    def test_what_is_no_verdict_ends_no_flashed_operation_early(self):
        operation, fake = self._flashed()
        verify_device = OpenWrt.verify
        for kind in (UpgradeAborted, UpgradeCancelled, RecoverableFailure):
            self._set(operation)
            once = iter([kind("why")])

            def verify_late(upgrader, once=once):
                for error in once:
                    raise error
                verify_device(upgrader)

            late = mock.patch.object(OpenWrt, "verify", verify_late)
            with self.subTest(kind=kind), reached(fake), late:
                operation.upgrade(recoverable=False)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "success", operation.log)
                self.assertEqual(operation.attempts, 2)

    def test_a_worker_that_dies_in_every_visit_is_given_up(self):
        operation, fake = self._flashed()
        killed = mock.patch.object(OpenWrt, "verify", side_effect=SystemExit)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        with reached(fake), killed as visits:
            for _life in range(VISITS):
                with self.assertRaises(SystemExit):
                    operation.upgrade(recoverable=False)
                self._expire(rows)
                operation = rows.get()
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(visits.call_count, VISITS)
        self.assertEqual(operation.status, "failed")
        self.assertIn("the worker ended during the last attempt", operation.log)

    def test_a_worker_that_dies_during_the_flash_costs_no_visit(self):
        operation, fake = self._flashed(phase=Phase.FLASH, runs=1)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        self._expire(rows)
        operation.refresh_from_db()
        self.assertEqual((operation.phase, operation.attempts), (Phase.REBOOT, 0))
        with reached(fake), mock.patch.object(OpenWrt, "RECONNECT_MAX_RETRIES", 1):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)

    def test_one_look_is_the_least(self):
        operation, fake = self._flashed()
        with reached(fake), mock.patch.object(OpenWrt, "RECONNECT_MAX_RETRIES", 0):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)

    def test_visits_are_not_added_to_the_attempts_of_the_install_phase(self):
        # as upgraders of third parties leave it, that announce no flash
        operation, fake = self._flashed()
        for phase in (Phase.PREFLIGHT, Phase.FLASH):
            self._set(operation, phase=phase, attempts=VISITS)
            with self.subTest(phase=phase), reached(fake):
                operation.upgrade(recoverable=False)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "success", operation.log)
                self.assertEqual(operation.attempts, 1)

    def test_credentials_whose_connector_cannot_be_built(self):
        operation, _fake = self._flashed()
        connection = operation.device.deviceconnection_set.get()
        credentials = type(connection.credentials).objects
        credentials = credentials.filter(pk=connection.credentials_id)
        broken = {
            "class": ("openwisp_controller.no.Such", {"username": "root"}),
            "key": (connections.SSH, {"username": "root", "key": "no key"}),
            "params": (connections.SSH, {"user": "root"}),
        }
        limits = {"RECONNECT_RETRY_DELAY": 0, "RECONNECT_MAX_RETRIES": VISITS}
        for name, (connector, params) in broken.items():
            self._set(operation)
            credentials.update(connector=connector, params=params)
            with self.subTest(name), mock.patch.multiple(OpenWrt, **limits):
                operation.upgrade(recoverable=False)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "failed", operation.log)
                self.assertEqual(operation.attempts, VISITS)
                self.assertEqual(operation.log.count("Giving up"), 1)
                self.assertNotIn(" ()", operation.log)
