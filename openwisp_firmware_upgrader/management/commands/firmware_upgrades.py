"""Shows what the engine is doing, for whoever looks after the server."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from ...actions.fail_orphans import fail_orphans
from ...actions.resume_operations import resume_operations
from ...protocols import Operation
from ...selectors.operations import operations_by_state
from ...state.log_times import HEAVY

SHOWN = 50


class Command(BaseCommand):
    """``manage.py firmware_upgrades``."""

    help = "Shows the firmware upgrades that run, are due, wait or were lost."

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds the two emergency options."""
        parser.add_argument(
            "--resume",
            action="store_true",
            help="wake workers for everything that is due or was lost",
        )
        parser.add_argument(
            "--fail-orphans",
            action="store_true",
            help="fail every operation in progress that no worker holds",
        )
        parser.add_argument(
            "--metrics",
            action="store_true",
            help="print metrics for Prometheus instead (the extra prometheus)",
        )

    def handle(self, *args: object, **options: object) -> None:
        """Prints the operations in progress, then does what was asked for."""
        if options["metrics"]:
            self.stdout.write(_metrics(), ending="")
            return
        for name, rows in operations_by_state().items():
            self._show(name, rows)
        if options["resume"]:
            text = _("%(number)s wake-ups were published.")
            self.stdout.write(text % {"number": resume_operations()})
        if options["fail_orphans"]:
            text = _("%(number)s operations were ended as failed.")
            self.stdout.write(text % {"number": fail_orphans()})

    def _show(self, name: str, rows: QuerySet[Operation]) -> None:
        number = rows.count()
        self.stdout.write(f"{name}: {number}")
        for row in rows.select_related("device").defer(*HEAVY)[:SHOWN]:
            self.stdout.write(f"  {self._line(row)}")
        if number > SHOWN:
            text = _("  … and %(number)s more")
            self.stdout.write(text % {"number": number - SHOWN})

    def _line(self, row: Operation) -> str:
        now = timezone.now()
        age = int((now - row.created).total_seconds())
        parts = [
            str(row.pk),
            row.device.name,
            row.get_phase_display(),
            _("age %(seconds)s s") % {"seconds": age},
            _("attempts %(number)s") % {"number": row.attempts},
        ]
        moment = row.lease_expires_at or row.next_run_at
        if moment is not None:
            left = int((moment - now).total_seconds())
            text = _("lease %(s)s s") if row.lease_expires_at else _("due in %(s)s s")
            parts.append(text % {"s": left})
        return "  ".join(parts)


def _metrics() -> str:
    try:
        from ...reporting.metrics import as_text  # noqa: PLC0415 an extra need not be there
    except ImportError as error:
        text = _(
            "%(module)s is missing: install openwisp-firmware-upgrader[prometheus]"
        )
        raise CommandError(text % {"module": error.name}) from error
    return as_text()
