"""Statements whose SQL is made once store and find what Django's own would."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.test import TransactionTestCase

from ..engine.install import find_older
from ..state import due, installed, leases, update
from ..state.prepared import Prepared, Slot
from ..state.update import Change, FromNow
from ..statuses import Phase
from ..swapper import load_model
from .devices import FakeDeviceMixin

EVIDENCE: dict[str, object] = {
    "text": "100 % of \"it\" \\ 'quoted' %s \u2603",
    "null": None,
    "deep": [{}],
}


class TestPrepared(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        device, image = self._environment()
        self.operation = self._operation(device, image)
        self.model = load_model("UpgradeOperation")
        update._statement.cache_clear()

    def _row(self):
        return self.model.objects.get(pk=self.operation.pk)

    def _write(self, run=0, **options):
        return update.write(self.operation.pk, run, Change(**options))

    def test_every_kind_of_value_is_stored(self):
        line = "50 % of it, %s and %(this)s, ''quotes\\' \u2603"
        for number in range(2):
            fields = {
                "evidence": {**EVIDENCE, "number": number},
                "phase": "upload",
                "progress": 40 + number,
                "lease_expires_at": None,
                "next_run_at": FromNow(90.5 + number),
            }
            with self.subTest(number=number):
                self.assertEqual(self._write(fields=fields, text=line), 1)
                row = self._row()
                self.assertEqual(row.evidence, fields["evidence"])
                self.assertEqual((row.phase, row.progress), ("upload", 40 + number))
                waits = row.next_run_at - row.modified
                expected = timedelta(seconds=90.5 + number)
                self.assertLess(abs(waits - expected), timedelta(seconds=0.1))
                self.assertGreater(row.modified, self.operation.modified)
                self.assertEqual(row.log, "\n".join([line] * (number + 1)))

    def test_it_writes_what_a_queryset_writes(self):
        change = Change({"evidence": EVIDENCE, "next_run_at": FromNow(60)}, "a line")
        self._write(fields=change.fields, text=change.text)
        prepared = self._row()
        rows = self.model.objects.filter(pk=self.operation.pk)
        rows.update(log="", log_times="", evidence={}, next_run_at=None)
        update.update(rows, change)
        plain = self._row()
        for name in ("evidence", "log", "status", "phase", "runs"):
            self.assertEqual(getattr(prepared, name), getattr(plain, name), name)
        later = plain.next_run_at - prepared.next_run_at
        self.assertLess(later, timedelta(seconds=5))

    def test_the_guard_is_part_of_it(self):
        rows = self.model.objects.filter(pk=self.operation.pk)
        self.assertEqual(self._write(run=0, fields={"progress": 1}), 1)
        self.assertEqual(self._write(run=1, fields={"progress": 2}), 0)
        rows.update(runs=F("runs") + 1)
        self.assertEqual(self._write(run=0, fields={"progress": 3}), 0)
        self.assertEqual(self._write(run=1, fields={"progress": 4}), 1)
        rows.update(status="cancelled")
        self.assertEqual(self._write(run=1, fields={"progress": 5}), 0)
        self.assertEqual(self._row().progress, 4)

    def test_sql_is_made_once(self):
        self._write(fields={"progress": 1, "phase": "upload"})
        with (
            mock.patch.object(SQLCompiler, "compile", side_effect=AssertionError),
            mock.patch.object(QuerySet, "filter", side_effect=AssertionError),
            self.assertNumQueries(1),
        ):
            self._write(fields={"phase": "image-test", "progress": 2})
        self.assertEqual(self._row().progress, 2)

    def test_a_broken_statement_breaks_its_transaction(self):
        statement = Prepared(
            lambda: (
                self.model.objects.filter(pk=Slot.of(self.model, "pk")),
                {"device_id": Slot.of(self.model, "pk", "other"), "log": F("log")},
            )
        )
        key = {"pk": self.operation.pk, "other": self.operation.pk}

        def break_it():
            statement.update(**key)
            # SQLite looks at foreign keys when it commits
            connection.check_constraints()

        with self.assertRaises(IntegrityError), transaction.atomic():
            break_it()
        self.assertEqual(self._row().device_id, self.operation.device_id)

    def test_what_is_read_is_as_django_reads_it(self):
        rows = self.model.objects
        statement = Prepared(
            lambda: rows.filter(pk=Slot.of(self.model, "pk")).values_list(
                "pk", "created", "evidence", "device_id"
            )
        )
        rows.update(evidence=EVIDENCE)
        row = self._row()
        expected = (row.pk, row.created, EVIDENCE, row.device_id)
        self.assertEqual(statement.first(pk=row.pk), expected)
        self.assertIsNone(statement.first(pk=row.device_id))

    def test_the_older_operation_is_found(self):
        self.assertIsNone(find_older(self.operation))
        younger = self.model(device=self.operation.device, image=self.operation.image)
        younger.save()
        self.assertEqual(find_older(younger), self.operation.pk)
        self.assertIsNone(find_older(self.operation))

    def test_who_installed_is_noted_unless_somebody_is_newer(self):
        firmware = load_model("DeviceFirmware").objects
        firmware.update(installed=False)
        younger = self.model(device=self.operation.device, image=self.operation.image)
        younger.save()
        installed.note_installed(self.operation)
        self.assertFalse(firmware.get().installed)
        installed.note_installed(younger)
        self.assertTrue(firmware.get().installed)


class TestDueProofs(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        due.due_proofs.forget()
        device, image = self._environment()
        self.operation = self._operation(device, image)

    def _make_due(self, runs=1):
        rows = leases.operations().filter(pk=self.operation.pk)
        rows.update(phase=Phase.REBOOT, runs=runs, next_run_at=leases.Now())

    def test_an_empty_list_is_not_read_at_each_message(self):
        with self.assertNumQueries(1):
            for _message in range(20):
                self.assertIsNone(due.claim(60))
        self._make_due()
        with mock.patch.object(due, "EMPTY", 0):
            self.assertEqual(due.claim(60), (self.operation.pk, 2))

    def test_what_another_process_has_taken_is_passed_over(self):
        self._make_due(runs=5)
        self.assertEqual(due.due_proofs.take(), (self.operation.pk, 5))
        due.due_proofs.forget()
        with mock.patch.object(due, "_oldest", return_value=[(self.operation.pk, 4)]):
            self.assertIsNone(due.claim(60))
        due.due_proofs.forget()
        self.assertEqual(due.claim(60), (self.operation.pk, 6))

    def test_an_old_list_is_read_again(self):
        gone = (self.operation.device_id, 1)
        with mock.patch.object(due, "_oldest", return_value=[gone, gone]):
            self.assertEqual(due.due_proofs.take(), gone)
        self._make_due()
        with mock.patch.object(due, "FRESH", 0):
            self.assertEqual(due.claim(60), (self.operation.pk, 2))
