"""What became of a device is stored, whatever goes wrong beside it."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.db import IntegrityError
from django.db.models.signals import post_save
from django.test import TransactionTestCase
from django.utils import timezone
from paramiko import SSHException

from ..engine import cleanup, connections, install, outcomes, worker
from ..exceptions import (
    DeviceRebooting,
    RecoverableFailure,
    TimeLimitExceeded,
    UpgradeAborted,
    UpgradeFailed,
)
from ..signals import upgrade_half_ending, upgrade_operation_recorded
from ..state import keeper, leases, stop_flag
from ..state.decisions import Retry
from ..state.run import Run
from ..statuses import Phase
from ..swapper import load_model
from ..upgraders.openwrt import OpenWrt
from .devices import FakeDeviceMixin, reached


class HandsOver:
    """An upgrader of a third party, whose device reboots."""

    RECONNECT_DELAY = RECONNECT_RETRY_DELAY = 0
    RECONNECT_MAX_RETRIES = 2

    def __init__(self, upgrade_operation, connection):
        self.upgrade_operation = upgrade_operation

    def upgrade(self, image):
        """Flashes the device."""
        raise DeviceRebooting("bye")

    def verify(self):
        """Finds the device as expected."""


class TestHandOff(FakeDeviceMixin, TransactionTestCase):
    def _new(self, device, image):
        return load_model("UpgradeOperation").objects.create(device=device, image=image)

    def test_what_cannot_be_closed_hides_no_flash(self):
        unclosed = {
            "connection": mock.patch.object(
                connections, "hang_up", side_effect=OSError("x")
            ),
            "file": mock.patch.object(
                load_model("FirmwareImage"), "close_file", side_effect=OSError("x")
            ),
        }
        third_party = mock.patch.object(
            install, "get_upgrader_class_from_device_connection", lambda c: HandsOver
        )
        device, image = self._environment()
        for name, broken in unclosed.items():
            operation = self._new(device, image)
            with (
                self.subTest(name),
                reached(self._fake(device)),
                third_party,
                broken,
            ):
                operation.upgrade(recoverable=False)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "success", operation.log)
                self.assertEqual(operation.attempts, 1)

    def test_a_deadline_that_has_passed_hides_no_flash(self):
        device, image = self._environment()
        operation = self._new(device, image)

        def upgrade(upgrader, image):
            upgrader.upgrade_operation.run.stop.set(TimeLimitExceeded())
            raise DeviceRebooting("bye")

        third_party = mock.patch.object(
            install, "get_upgrader_class_from_device_connection", lambda c: HandsOver
        )
        late = mock.patch.object(HandsOver, "upgrade", upgrade)
        with reached(self._fake(device)), third_party, late:
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)

    def test_what_an_upgrader_says_of_its_own_flash_counts(self):
        device, image = self._environment()
        ends = {
            UpgradeAborted: ("aborted", Phase.DONE),
            UpgradeFailed: ("failed", Phase.DONE),
            RecoverableFailure: ("in-progress", Phase.QUEUED),
            TimeLimitExceeded: ("in-progress", Phase.REBOOT),
            IntegrityError: ("in-progress", Phase.REBOOT),
        }
        for kind, end in ends.items():
            operation = self._new(device, image)
            number = leases.claim(operation.pk, seconds=60)
            with self.subTest(kind=kind), keeper.running(Run(operation, number)) as run:
                run.record(phase=Phase.FLASH)
                outcomes.apply(run, kind("why"), recoverable=True)
            operation.refresh_from_db()
            self.assertEqual((operation.status, operation.phase), end)
            operation.delete()

    def test_a_failure_that_an_override_hands_on_is_stored_once(self):
        device, image = self._environment()
        operation = self._new(device, image)
        number = leases.claim(operation.pk, seconds=60)

        def upgrade(self, recoverable=True):
            error = RecoverableFailure("once")
            self._recoverable_failure_handler(recoverable, error)

        overridden = mock.patch.object(type(operation), "upgrade", upgrade)
        with keeper.running(Run(operation, number)) as run, overridden:
            decision = worker._carry_out(run, recoverable=True)
        operation.refresh_from_db()
        self.assertIsInstance(decision, Retry)
        self.assertEqual((operation.attempts, operation.log.count("once")), (1, 1))
        self.assertEqual(operation.evidence, {"failures": 1})

    def test_what_is_left_of_a_run_goes_on_with_the_operation(self):
        device, image = self._environment()
        operation = self._new(device, image)
        error = UpgradeFailed("why")
        number = leases.claim(operation.pk, seconds=60)
        with keeper.running(Run(operation, number)) as run:
            run.log("not stored yet", save=False)
            run.outcome = error
        self.assertIs(operation.run.outcome, error)
        self.assertFalse(operation.run.is_claimed)
        operation.log_line("the next line")
        operation.refresh_from_db()
        self.assertEqual(operation.log, "not stored yet\nthe next line")

    def test_a_flash_command_that_was_not_sent_counts_as_attempt(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = self._fake(device)
        command = mock.patch.object(
            OpenWrt, "get_upgrade_command", side_effect=SSHException("not connected")
        )
        for attempts in (1, 2, 3):
            with reached(fake), command, self.assertRaises(RecoverableFailure):
                operation.upgrade(recoverable=True)
            operation.refresh_from_db()
            self.assertEqual(operation.attempts, attempts)
            self.assertEqual(operation.phase, Phase.QUEUED)
            self.assertNotIn("flash_sent_at", operation.evidence)
        self.assertEqual(fake.flashes, [])

    def test_receivers_that_fail_keep_no_operation_from_its_end(self):
        def broken(**kwargs):
            raise ValueError("a receiver of a third party")

        model = load_model("UpgradeOperation")
        device, image = self._environment()
        for signal in (upgrade_operation_recorded, upgrade_half_ending, post_save):
            operation = self._new(device, image)
            signal.connect(broken, sender=model)
            self.addCleanup(signal.disconnect, broken, sender=model)
            with self.subTest(signal=signal), reached(self._fake(device)):
                operation.upgrade(recoverable=False)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "success", operation.log)
            signal.disconnect(broken, sender=model)


class TestCleaningUp(FakeDeviceMixin, TransactionTestCase):
    @mock.patch.object(stop_flag, "GRACE", -1)
    def test_the_cancel_it_follows_does_not_cut_its_connection_a_deadline_does(self):
        device, image = self._environment()
        evidence = {"remote_path": "/tmp/image.bin"}
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        past = timezone.now() - timedelta(seconds=9)
        rows.update(
            status="cancelled", evidence=evidence, runs=1, lease_expires_at=past
        )
        fake = self._fake(device)
        seen = []

        def clean_up(upgrader):
            run = upgrader.upgrade_operation.run
            keeper.the_keeper()._look_after([run])
            seen.append((run.stop.reason, fake.is_connected))
            run.stop.set(TimeLimitExceeded())
            keeper.the_keeper()._look_after([run])
            seen.append(fake.is_connected)

        with reached(fake), mock.patch.object(OpenWrt, "clean_up", clean_up):
            self.assertTrue(cleanup.clean_up_cancelled(operation.pk, 1))
        self.assertEqual(seen, [(None, True), False])
