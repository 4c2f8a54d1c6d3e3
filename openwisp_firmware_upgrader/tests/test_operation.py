"""One operation from its launch to its proof, on a device in memory."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from unittest import mock

from django.core.exceptions import ValidationError
from django.test import TransactionTestCase
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from ..exceptions import RecoverableFailure
from ..state import keeper, leases
from ..state.evidence import FlashAnswer
from ..state.run import Run, run_of
from ..statuses import OperationStatus, Phase
from ..swapper import load_model
from ..testing import EXPECTED
from ..upgraders.openwrt import OpenWrt
from .devices import FakeDeviceMixin, reached

# those need a network, or a clock
ON_THE_NETWORK = {
    "slow_link",
    "back_at_other_address",
    "back_at_other_address_reported",
    "dropped_upload_once",
    "link_down_in_upload",
    "scp_never_exits",
}


def ends(fault):
    """Returns a test of the end under one fault."""

    def test(self):
        self._assert_end(fault)

    return test


class TestOperation(FakeDeviceMixin, TransactionTestCase):
    def _assert_end(self, fault):
        expected = EXPECTED[fault]
        operation, fake = self._upgrade([] if fault == "none" else [fault])
        self.assertEqual(operation.status, expected.status, operation.log)
        self.assertEqual(self._installed(operation), expected.installed)
        self.assertEqual(len(fake.flashes), expected.flashes)
        self.assertIn((expected.log_contains or "").lower(), operation.log.lower())
        self.assertEqual(operation.phase, Phase.DONE)
        self.assertIsNone(operation.lease_expires_at)

    def test_device_that_runs_the_image_already_is_left_alone(self):
        device, image = self._environment()
        fake = self._fake(device, release="OpenWrt 2.0 r2")
        fake.device.configure(marker=image.checksum)
        operation = self._operation(device, image)
        with reached(fake):
            operation.upgrade()
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success")
        self.assertEqual(fake.flashes, [])
        self.assertTrue(self._installed(operation))

    def test_marker_of_a_device_with_another_release_is_not_trusted(self):
        device, image = self._environment()
        fake = self._fake(device)
        fake.device.configure(marker=image.checksum)
        operation = self._operation(device, image)
        with reached(fake):
            operation.upgrade()
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success")
        self.assertEqual(len(fake.flashes), 1)

    def test_recoverable_failure_is_left_to_the_next_attempt(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = self._fake(device, reachable=False)
        with reached(fake), self.assertRaises(RecoverableFailure):
            operation.upgrade(recoverable=True)
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.phase), ("in-progress", "queued"))
        self.assertEqual(operation.attempts, 1)
        self.assertIsNotNone(operation.next_run_at)

    def test_no_file_of_the_image_is_left_open(self):
        """A soak found a hundred of them at a time in a worker with 16 threads."""
        device, image = self._environment()
        pk = self._operation(device, image).pk
        operation = load_model("UpgradeOperation").objects.get(pk=pk)
        gc.disable()
        try:
            with reached(self._fake(device)) as fake:
                operation.upgrade()
            links = Path("/proc/self/fd").iterdir()
            opened = [link.readlink() for link in links if link.is_symlink()]
        finally:
            gc.enable()
        self.assertEqual(len(fake.flashes), 1)
        self.assertNotIn(Path(image.file.path), opened)
        # it can be read again
        self.assertEqual(len(operation.image.file.read()), image.size)
        operation.image.close_file()

    def test_broker_or_cache_that_is_down_is_no_fault_of_the_device(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        for attempts, kind in enumerate((BrokerError, RedisError), start=1):
            down = mock.patch.object(OpenWrt, "connect", side_effect=kind("down"))
            with self.subTest(kind=kind), reached(self._fake(device)), down:
                with self.assertRaises(RecoverableFailure):
                    operation.upgrade(recoverable=True)
                operation.refresh_from_db()
                self.assertEqual(operation.status, "in-progress")
                self.assertEqual(operation.attempts, attempts)
                self.assertIn("failure: down.", operation.log)

    def test_second_operation_of_a_device_is_aborted_and_names_the_first(self):
        device, image = self._environment()
        first = self._operation(device, image)
        second = load_model("UpgradeOperation").objects.create(
            device=device, image=image
        )
        with reached(self._fake(device)) as fake:
            second.upgrade()
        second.refresh_from_db()
        self.assertEqual(second.status, OperationStatus.ABORTED)
        self.assertIn(str(first.pk), second.log)
        self.assertEqual(fake.commands, [])

    def test_cancel_before_the_flash_ends_as_cancelled(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = self._fake(device)
        other = load_model("UpgradeOperation").objects.get(pk=operation.pk)
        fake.at("in_test", other.cancel)
        with reached(fake):
            operation.upgrade()
        operation.refresh_from_db()
        self.assertEqual(operation.status, OperationStatus.CANCELLED)
        self.assertEqual(fake.flashes, [])
        self.assertEqual(list(fake.device.files.tmp_files), [])
        self.assertIsNone(operation.lease_expires_at)

    def test_cancel_after_the_flash_is_refused_in_words(self):
        operation, _fake = self._upgrade()
        with self.assertRaises(ValueError) as raised:
            operation.cancel()
        self.assertTrue(str(raised.exception))
        operation.refresh_from_db()
        self.assertEqual(operation.status, OperationStatus.SUCCESS)

    def test_what_a_worker_that_lost_its_lease_writes_is_refused(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        number = leases.claim(operation.pk, seconds=60)
        with keeper.running(Run(operation, number, limit=60, lease=60)) as run:
            run.record(lines=["mine"])
            rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
            rows.update(runs=number + 1)
            from ..exceptions import LeaseLost

            with self.assertRaises(LeaseLost):
                run.record(lines=["not mine any more"])
            self.assertFalse(run.finish("success", installed=True))
        operation.refresh_from_db()
        self.assertEqual(operation.status, "in-progress")
        self.assertNotIn("not mine", operation.log)

    def test_the_database_allows_one_lease_a_device(self):
        device, image = self._environment()
        first = self._operation(device, image)
        second = load_model("UpgradeOperation").objects.create(
            device=device, image=image
        )
        self.assertEqual(leases.claim(first.pk, seconds=60), 1)
        with self.assertRaises(leases.DeviceBusy):
            leases.claim(second.pk, seconds=60)
        self.assertIsNone(leases.claim(first.pk, seconds=60))

    def test_stale_messages_claim_nothing(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        run = leases.claim(operation.pk, seconds=60)
        leases.release(operation.pk, run)
        self.assertIsNone(leases.claim(operation.pk, 0, seconds=60))
        self.assertEqual(leases.claim(operation.pk, run, seconds=60), run + 1)

    def test_log_takes_what_any_device_says(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        operation.log_line("zero \x00 and \ud800 surrogate")
        operation.log_line("x" * 100_000)
        operation.refresh_from_db()
        self.assertNotIn("\x00", operation.log)
        self.assertLess(len(operation.log), 20_000)

    def test_noted_facts_are_stored_with_the_next_write_whatever_it_is(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        number = leases.claim(operation.pk, seconds=60)
        with keeper.running(Run(operation, number, limit=60, lease=60)) as run:
            with self.assertNumQueries(0):
                run.note(replace(run.evidence, boot_id="abc"))
            self.assertEqual(rows.get().evidence, {})
            run.record(progress=20)
            self.assertEqual(rows.get().evidence, {"boot_id": "abc"})
            run.note(replace(run.evidence, overlay=True))
            sent = replace(run.evidence, flash_sent_at="now")
            run.record(phase=Phase.FLASH, evidence=sent)
            known = {"boot_id": "abc", "overlay": True, "flash_sent_at": "now"}
            self.assertEqual(rows.get().evidence, known)
            run.note(replace(run.evidence, flash_answer=FlashAnswer("refused")))
            run.finish("failed")
        answer = {"kind": "refused", "text": "", "code": None}
        self.assertEqual(rows.get().evidence, {**known, "flash_answer": answer})

    def test_whoever_goes_on_uploads_beside_the_file_of_a_lost_worker(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        left = f"/tmp/{image.file.name.rsplit('/', 1)[-1]}"
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        rows.update(evidence={"remote_path": left}, runs=1)
        operation.refresh_from_db()
        fake = self._fake(device)
        with reached(fake):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)
        own = left.replace("/tmp/", "/tmp/run2-")
        self.assertTrue(any(own in each for each in fake.commands), fake.commands)
        self.assertIn(f"rm -f {left}", fake.commands)

    def test_evidence_is_committed_before_the_device_is_told_to_flash(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        fake, seen = self._fake(device), []
        before = fake.device.boot_id
        hook = "flash_received_not_answered"
        fake.at(hook, lambda: seen.append(rows.values("phase", "evidence").get()))
        with reached(fake):
            operation.upgrade(recoverable=False)
        (row,) = seen
        self.assertEqual(row["phase"], Phase.FLASH)
        self.assertEqual(row["evidence"]["boot_id"], before)
        self.assertTrue(row["evidence"]["flash_sent_at"])
        self.assertTrue(row["evidence"]["remote_path"])

    def test_log_of_a_megabyte_takes_nothing_but_the_end(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        rows.update(log="100% 'x'\n" * 120_000)
        operation.log_line("too late")
        self.assertFalse(rows.get().log.endswith("too late"))
        run_of(operation).finish("failed", lines=["the end, 100%"])
        self.assertTrue(rows.get().log.endswith("x'\n\nthe end, 100%"))

    def test_progress_must_be_a_percentage(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        for wrong in ("10", None, True, -1, 101):
            with self.subTest(wrong=wrong), self.assertRaises(ValidationError):
                operation.update_progress(wrong)
        operation.update_progress(33)
        operation.refresh_from_db()
        self.assertEqual(operation.progress, 33)

    def test_post_save_is_sent_once_for_each_change_of_status(self):
        from django.db.models.signals import post_save

        heard = mock.Mock()

        def receiver(sender, instance, created, **kwargs):
            heard(created, instance.status)

        post_save.connect(receiver, sender=load_model("UpgradeOperation"))
        try:
            self._upgrade()
        finally:
            post_save.disconnect(receiver, sender=load_model("UpgradeOperation"))
        self.assertEqual(
            heard.mock_calls,
            [mock.call(True, "in-progress"), mock.call(False, "success")],
        )

    def test_device_that_runs_something_unexpected_is_a_failure(self):
        operation, _fake = self._upgrade(next_release="OpenWrt 9.9 r9")
        self.assertEqual(operation.status, "failed")
        self.assertIn("OpenWrt 9.9 r9", operation.log)
        self.assertFalse(self._installed(operation))

    def test_old_system_without_boot_id_is_proven_by_its_release(self):
        operation, _fake = self._upgrade(boot_id_readable=False)
        self.assertEqual(operation.status, "success", operation.log)
        self.assertIn("boot", operation.log.lower())


for name in sorted(set(EXPECTED) - ON_THE_NETWORK):
    setattr(TestOperation, f"test_end_under_{name}", ends(name))
