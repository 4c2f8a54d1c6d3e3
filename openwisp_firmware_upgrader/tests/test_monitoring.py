"""Log lines of phases and metrics for Prometheus."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from unittest import mock, skipIf

from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ..statuses import Phase
from ..swapper import load_model
from .devices import FakeDeviceMixin, reached

try:
    from prometheus_client import CollectorRegistry
except ImportError:  # the extra is not installed
    CollectorRegistry = None  # type: ignore[assignment,misc] # as documented

LOGGER = "openwisp_firmware_upgrader.phase_log"


class TestPhaseLog(FakeDeviceMixin, TransactionTestCase):
    def test_every_phase_ends_with_one_line(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        with reached(self._fake(device)), self.assertLogs(LOGGER, "INFO") as logs:
            operation.upgrade()
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)
        ended = [record.firmware_phase for record in logs.records]
        expected = ["queued", "preflight", "upload", "image_test", "flash"]
        self.assertEqual(ended, [*expected, "reboot", "verify"])
        for record, following in zip(logs.records, [*ended[1:], "done"]):
            self.assertEqual(record.firmware_operation, str(operation.pk))
            self.assertEqual(record.firmware_device, str(device.pk))
            self.assertEqual(record.firmware_next, following)
            self.assertGreaterEqual(record.firmware_seconds, 0)
            self.assertIn(f"phase={record.firmware_phase}", record.getMessage())
            self.assertIn(f"operation={operation.pk}", record.getMessage())
        self.assertEqual(logs.records[-1].firmware_status, "success")

    def test_the_wait_before_the_claim_counts(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        past = timezone.now() - timedelta(seconds=90)
        load_model("UpgradeOperation").objects.update(modified=past)
        with reached(self._fake(device)), self.assertLogs(LOGGER, "INFO") as logs:
            operation.upgrade()
        self.assertGreaterEqual(logs.records[0].firmware_seconds, 90)
        self.assertLess(logs.records[1].firmware_seconds, 90)


@skipIf(CollectorRegistry is None, "the extra prometheus is not installed")
class TestMetrics(FakeDeviceMixin, TransactionTestCase):
    def _operation_with(self, device, image, **values):
        model = load_model("UpgradeOperation")
        operation = model.objects.create(device=device, image=image)
        model.objects.filter(pk=operation.pk).update(**values)

    def _registry(self):
        from ..reporting.metrics import register

        registry = CollectorRegistry()
        register(registry)
        return registry

    def _value(self, registry, name, **labels):
        return registry.get_sample_value(f"firmware_upgrader_{name}", labels)

    def _fleet(self):
        device, image = self._environment()
        now = timezone.now()
        past, future = now - timedelta(seconds=40), now + timedelta(seconds=40)
        held = {"lease_expires_at": future, "next_run_at": None}
        free = {"lease_expires_at": None, "next_run_at": past}
        self._operation_with(device, image, phase=Phase.UPLOAD, **held)
        self._operation_with(device, image, phase=Phase.REBOOT, **free)
        ended = {"status": "success", "phase": Phase.DONE, "next_run_at": None}
        created = now - timedelta(seconds=120)
        self._operation_with(device, image, created=created, modified=now, **ended)
        created, modified = now - timedelta(days=2), now - timedelta(days=1)
        old = {**ended, "status": "failed"}
        self._operation_with(device, image, created=created, modified=modified, **old)

    def test_values(self):
        self._fleet()
        registry = self._registry()
        for status, number in (("in-progress", 2), ("success", 1), ("failed", 1)):
            with self.subTest(status=status):
                found = self._value(registry, "operations", status=status)
                self.assertEqual(found, number)
        phases = {"upload": 1, "reboot": 1, "queued": 0, "flash": 0}
        for phase, number in phases.items():
            with self.subTest(phase=phase):
                found = self._value(registry, "operations_in_progress", phase=phase)
                self.assertEqual(found, number)
        for state, number in (("running", 1), ("due", 1), ("lost", 0), ("waiting", 0)):
            with self.subTest(state=state):
                found = self._value(registry, "operations_by_state", state=state)
                self.assertEqual(found, number)
        self.assertEqual(self._value(registry, "leases_lost"), 0)
        age = self._value(registry, "queue_age_seconds")
        self.assertAlmostEqual(age, 40, delta=10)
        labels = {"status": "success", "statistic": "average"}
        took = self._value(registry, "duration_seconds", **labels)
        self.assertAlmostEqual(took, 120, delta=1)
        self.assertEqual(self._value(registry, "ended_last_hour", status="success"), 1)
        # a day ago is not lately
        self.assertEqual(self._value(registry, "ended_last_hour", status="failed"), 0)
        labels["status"] = "failed"
        self.assertIsNone(self._value(registry, "duration_seconds", **labels))

    def test_lease_of_a_dead_worker(self):
        device, image = self._environment()
        past = timezone.now() - timedelta(seconds=5)
        self._operation_with(device, image, lease_expires_at=past, next_run_at=None)
        registry = self._registry()
        self.assertEqual(self._value(registry, "leases_lost"), 1)
        found = self._value(registry, "operations_by_state", state="lost")
        self.assertEqual(found, 1)

    def test_nothing_at_all(self):
        registry = self._registry()
        self.assertEqual(self._value(registry, "operations", status="success"), 0)
        self.assertEqual(self._value(registry, "queue_age_seconds"), 0)

    def test_a_scrape_costs_four_queries_with_any_number_of_rows(self):
        from ..reporting.metrics import as_text

        as_text()
        with CaptureQueriesContext(connection) as none:
            as_text()
        self._fleet()
        with CaptureQueriesContext(connection) as some:
            text = as_text()
        self.assertIn('firmware_upgrader_operations{status="success"} 1.0', text)
        self.assertEqual((len(none), len(some)), (4, 4))

    def test_command(self):
        output = io.StringIO()
        call_command("firmware_upgrades", "--metrics", stdout=output)
        self.assertIn("# TYPE firmware_upgrader_operations gauge", output.getvalue())
        self.assertNotIn("running: 0", output.getvalue())

    def test_command_without_the_extra(self):
        name = "openwisp_firmware_upgrader.reporting.metrics"
        modules = {"prometheus_client": None}
        with mock.patch.dict(sys.modules, modules):
            sys.modules.pop(name, None)
            with self.assertRaisesMessage(CommandError, "prometheus_client"):
                call_command("firmware_upgrades", "--metrics")
