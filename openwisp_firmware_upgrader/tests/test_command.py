"""``manage.py firmware_upgrades``."""

from __future__ import annotations

import io
from datetime import timedelta
from unittest import mock

from django.core.management import call_command
from django.test import TransactionTestCase
from django.utils import timezone

from ..state import leases, wakeups
from ..swapper import load_model
from .devices import FakeDeviceMixin


class TestCommand(FakeDeviceMixin, TransactionTestCase):
    def _run(self, *options):
        output = io.StringIO()
        call_command("firmware_upgrades", *options, stdout=output)
        return output.getvalue()

    def _operation_with(self, **values):
        device, image = self._environment()
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        rows.update(**values)
        operation.refresh_from_db()
        return operation

    def test_each_operation_is_shown_once_under_its_state(self):
        now = timezone.now()
        past, future = now - timedelta(seconds=30), now + timedelta(seconds=30)
        cases = {
            "running": {"lease_expires_at": future, "next_run_at": None},
            "lost": {"lease_expires_at": past, "next_run_at": None},
            "due": {"lease_expires_at": None, "next_run_at": past},
            "waiting": {"lease_expires_at": None, "next_run_at": future},
        }
        operation = self._operation_with()
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        for state, values in cases.items():
            with self.subTest(state=state):
                rows.update(**values)
                shown = self._run()
                self.assertIn(f"{state}: 1\n  {operation.pk}", shown)
                self.assertEqual(shown.count(str(operation.pk)), 1)
                self.assertIn(operation.device.name, shown)

    def test_resume_wakes_what_is_due(self):
        self._operation_with(next_run_at=timezone.now())
        with mock.patch.object(wakeups, "upgrade", return_value=True) as upgrade:
            self.assertIn("1 wake-ups", self._run("--resume"))
        upgrade.assert_called_once()

    def test_orphans_fail_and_say_whether_the_device_was_flashed(self):
        for phase, words in (("queued", "was not flashed"), ("reboot", "check what")):
            with self.subTest(phase=phase):
                load_model("UpgradeOperation").objects.all().delete()
                if not hasattr(self, "pair"):
                    self.pair = self._environment()
                operation = load_model("UpgradeOperation").objects.create(
                    device=self.pair[0], image=self.pair[1], phase=phase
                )
                self.assertIn("1 operations", self._run("--fail-orphans"))
                operation.refresh_from_db()
                self.assertEqual(
                    (operation.status, operation.phase), ("failed", "done")
                )
                self.assertIn(words, operation.log)
                self.assertIsNone(operation.lease_expires_at)

    def test_operation_that_a_worker_holds_is_left_alone(self):
        operation = self._operation_with()
        leases.claim(operation.pk, seconds=60)
        self.assertIn("0 operations", self._run("--fail-orphans"))
        operation.refresh_from_db()
        self.assertEqual(operation.status, "in-progress")
