"""Whose turn it is when the operator has limited what runs at once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.db.models.functions import Now
from django.test import SimpleTestCase, TransactionTestCase, override_settings

from .. import settings as app_settings
from ..actions import resume_operations
from ..exceptions import UpgradeCancelled
from ..settings import _limits
from ..state import concurrency, due, leases, wakeups
from ..swapper import load_model
from ..upgraders.rate import Meter, Reports, Throttle
from .base import TestUpgraderMixin

NONE = {"total": None, "per_organization": None, "per_batch": None}


def limited(**values):
    """Returns a patch that sets limits."""
    return mock.patch.object(app_settings, "CONCURRENCY", {**NONE, **values})


class TestLimits(TestUpgraderMixin, TransactionTestCase):
    def _operations(self, number, name="one", batches=1):
        owner = self._create_org(name=name, slug=name)
        category = self._create_category(name=name, organization=owner)
        build = self._create_build(category=category, version="0.1")
        image = self._create_firmware_image(build=build)
        model = load_model("BatchUpgradeOperation")
        made = [model.objects.create(build=build) for _ in range(batches)]
        operations = []
        for index in range(number):
            device = self._create_device(
                name=f"{name}-{index}",
                organization=owner,
                mac_address=f"02:00:00:00:{len(name):02x}:{index:02x}",
                model=image.boards[0],
            )
            operation = load_model("UpgradeOperation")(
                device=device, image=image, batch=made[index % batches]
            )
            operation.save()
            operations.append(operation)
        return operations

    def _take_all(self):
        # rows are due to the millisecond on SQLite
        time.sleep(0.002)
        taken = []
        while (found := concurrency.claim_next(60)) is not None:
            taken.append(found[0])
        return taken

    def test_total(self):
        with limited(total=2):
            self._operations(3)
            self.assertEqual(len(self._take_all()), 2)

    def test_a_message_makes_its_new_operation_due(self):
        # created where nobody knew of the limits, or by 1.3.1
        for evidence in ({}, {"legacy": True}):
            with self.subTest(evidence=evidence):
                name = f"turn{len(evidence)}"
                (operation,) = self._operations(1, name)
                rows = leases.operations().filter(pk=operation.pk)
                later = Now() + timedelta(minutes=5)
                rows.update(next_run_at=later, evidence=evidence)
                with limited(total=1):
                    self.assertEqual(self._take_all(), [])
                    leases.make_due(operation.pk)
                    self.assertEqual(self._take_all(), [operation.pk])
                rows.update(lease_expires_at=None)
                # one that was begun waits for its own time
                rows.update(next_run_at=later)
                self.assertEqual(leases.make_due(operation.pk), 0)

    def test_without_a_total_everybody_runs(self):
        with limited(per_organization=10):
            self._operations(3)
            self.assertEqual(len(self._take_all()), 3)

    def test_organizations_take_turns(self):
        with limited(total=4):
            first = {operation.pk for operation in self._operations(6)}
            second = {operation.pk for operation in self._operations(2, "second")}
            taken = self._take_all()
            self.assertEqual(len(first.intersection(taken)), 2)
            self.assertEqual(len(second.intersection(taken)), 2)

    def test_per_organization(self):
        with limited(total=4, per_organization=1):
            self._operations(3)
            self._operations(3, "second")
            self.assertEqual(len(self._take_all()), 2)

    def test_per_batch(self):
        with limited(per_batch=1):
            operations = self._operations(4, batches=2)
            taken = set(self._take_all())
            batches = {o.batch_id for o in operations if o.pk in taken}
            self.assertEqual((len(taken), len(batches)), (2, 2))

    def test_batches_take_turns(self):
        with limited(total=2):
            operations = self._operations(4, batches=2)
            taken = set(self._take_all())
            batches = {o.batch_id for o in operations if o.pk in taken}
            self.assertEqual(len(batches), 2)

    def test_an_expired_lease_is_a_free_slot(self):
        with limited(total=1):
            self._operations(2)
            (dead,) = self._take_all()
            self.assertEqual(self._take_all(), [])
            rows = leases.operations().filter(pk=dead)
            rows.update(lease_expires_at=Now() - timedelta(seconds=1))
            (taken,) = self._take_all()
            self.assertNotEqual(taken, dead)

    def test_a_reboot_takes_no_slot_and_proofs_come_first(self):
        with limited(total=1):
            operations = self._operations(3)
            rows = leases.operations().filter(pk=operations[2].pk)
            later = Now() + timedelta(seconds=60)
            rows.update(phase="reboot", runs=1, next_run_at=later)
            (taken,) = self._take_all()
            self.assertNotEqual(taken, operations[2].pk)
            rows.update(next_run_at=Now())
            self.assertEqual(self._take_all(), [])
            leases.release(taken, 1)
            self.assertEqual(self._take_all(), [operations[2].pk])

    def test_a_cancelled_operation_holds_its_slot_until_it_is_tidy(self):
        with limited(total=1):
            self._operations(2)
            (taken,) = self._take_all()
            operation = leases.operations().get(pk=taken)
            operation.cancel()
            self.assertEqual(self._take_all(), [])
            leases.release(taken, 1)
            self.assertEqual(len(self._take_all()), 1)

    def test_a_clean_up_needs_a_slot(self):
        with limited(total=1):
            operations = self._operations(2)
            (taken,) = self._take_all()
            other = next(o for o in operations if o.pk != taken)
            past = Now() - timedelta(seconds=1)
            rows = leases.operations().filter(pk=other.pk)
            rows.update(status="cancelled", runs=1, lease_expires_at=past)
            self.assertFalse(concurrency.claim_clean_up(other.pk, 1, 60))
            leases.release(taken, 1)
            self.assertTrue(concurrency.claim_clean_up(other.pk, 1, 60))

    def test_a_flashed_operation_without_a_worker_is_verified(self):
        """Seed 26181: it was flashed while its lease was taken back."""
        (operation,) = self._operations(1)
        rows = leases.operations().filter(pk=operation.pk)
        for claim in (concurrency.claim_next, due.claim):
            rows.update(phase="flash", runs=2, next_run_at=Now(), lease_expires_at=None)
            with self.subTest(claim=claim), limited(total=1):
                time.sleep(0.002)
                self.assertEqual(claim(60), (operation.pk, 3))

    def test_a_busy_device_does_not_stop_the_others(self):
        with limited(total=4):
            first, second = self._operations(2)
            busy = load_model("UpgradeOperation")(
                device=first.device, image=first.image, batch=first.batch
            )
            busy.save()
            rows = leases.operations().filter(pk=busy.pk)
            rows.update(lease_expires_at=leases.seconds_from_now(60), runs=1)
            self.assertEqual(self._take_all(), [second.pk])
            first.refresh_from_db()
            self.assertEqual(first.runs, 0)
            self.assertGreater(first.next_run_at, first.created)

    def test_a_scan_wakes_as_many_as_there_are_free_slots(self):
        with limited(total=2), mock.patch.object(wakeups, "upgrade") as wake:
            self._operations(5)
            concurrency.claim_next(60)
            self.assertEqual(resume_operations.resume_operations(), 1)
            self.assertEqual(wake.call_count, 1)
            self.assertIsNotNone(wake.call_args.kwargs["expires"])

    def test_queries_do_not_grow(self):
        with limited(total=100, per_organization=100):
            self._operations(2)
            concurrency._waiting.forget()
            with self.assertNumQueries(11):
                concurrency.claim_next(60)
            self._operations(12, "second")
            concurrency._waiting.forget()
            with self.assertNumQueries(11):
                concurrency.claim_next(60)


class TestRate(TransactionTestCase):
    def test_a_meter_is_shared(self):
        meter = Meter()
        now = time.monotonic()
        self.assertAlmostEqual(meter.book(1000, 100.0) - now, 10, delta=0.5)
        self.assertAlmostEqual(meter.book(500, 100.0) - now, 15, delta=0.5)

    def test_the_wait_can_be_stopped(self):
        def check():
            raise UpgradeCancelled

        rate = {"per_device": 1, "per_worker": None}
        with mock.patch.object(app_settings, "UPLOAD_RATE", rate):
            throttle = Throttle()
            throttle.wait(0, check)
            with self.assertRaises(UpgradeCancelled):
                throttle.wait(1000, check)

    def test_without_a_rate_nothing_waits(self):
        with mock.patch.object(time, "sleep") as sleep:
            Throttle().wait(10**9, lambda: None)
        sleep.assert_not_called()


class TestReports(SimpleTestCase):
    def test_many_uploads_report_less_often(self):
        reports = Reports()
        self.assertEqual(reports.pause, 1)
        with ExitStack() as uploads:
            for _upload in range(64):
                uploads.enter_context(reports.upload())
            self.assertEqual(reports.pause, 6.4)
        with self.assertRaises(OSError), reports.upload():
            raise OSError
        self.assertEqual(reports.pause, 1)


class TestSettings(TransactionTestCase):
    def test_mistakes_are_named(self):
        for given in ({"totl": 1}, {"total": 0}, {"total": "4"}, {"total": True}):
            with (
                self.subTest(given=given),
                override_settings(LIMITS=given),
                self.assertRaisesMessage(ImproperlyConfigured, "LIMITS"),
            ):
                _limits("LIMITS", ("total",))

    def test_what_is_left_out_is_unlimited(self):
        with override_settings(LIMITS={"total": 4}):
            found = _limits("LIMITS", ("total", "per_batch"))
        self.assertEqual(found, {"total": 4, "per_batch": None})
