"""Metrics for Prometheus, read from the database when they are asked for.

Needs the extra ``prometheus``. The rows know everything, whatever the Celery pool
and the number of workers, so any one process can answer for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Avg, Count, ExpressionWrapper, F, Max, Q, QuerySet, fields
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ..protocols import Operation
from ..selectors.operations import operations_by_state
from ..statuses import OperationStatus, Phase
from ..swapper import load_model

PREFIX = "firmware_upgrader"
# the window of durations
RECENT = timedelta(hours=1)


class FirmwareCollector:
    """What ``REGISTRY.register`` takes; each scrape costs four queries."""

    def describe(self) -> list[GaugeMetricFamily]:
        """Returns nothing, so that registering asks no database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Returns the metrics of this moment."""
        yield from _by_status()
        yield _by_phase()
        yield from _by_state()


def register(registry: CollectorRegistry = REGISTRY) -> FirmwareCollector:
    """Adds the metrics of this app to those of the process; returns the collector."""
    collector = FirmwareCollector()
    registry.register(collector)
    return collector


def as_text() -> str:
    """Returns the metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    register(registry)
    return generate_latest(registry).decode()


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)


def _by_status() -> Iterator[GaugeMetricFamily]:
    took = ExpressionWrapper(F("modified") - F("created"), fields.DurationField())
    recent = Q(modified__gte=Now() - RECENT)
    rows = load_model("UpgradeOperation").objects.order_by().values("status")
    found = rows.annotate(
        number=Count("pk"),
        ended=Count("pk", filter=recent),
        average=Avg(took, filter=recent),
        longest=Max(took, filter=recent),
    )
    by_status = {row["status"]: row for row in found}
    total = _gauge("operations", "Upgrade operations by status.", "status")
    ended = _gauge("ended_last_hour", "Operations that ended lately.", "status")
    text = "Seconds from launch to end, of operations that ended in the last hour."
    took_seconds = _gauge("duration_seconds", text, "status", "statistic")
    for status in OperationStatus.values:
        row = by_status.get(status, {})
        total.add_metric([status], row.get("number", 0))
        if status == OperationStatus.IN_PROGRESS:
            continue
        ended.add_metric([status], row.get("ended", 0))
        for name in ("average", "longest"):
            if row.get(name) is not None:
                took_seconds.add_metric([status, name], row[name].total_seconds())
    return iter((total, ended, took_seconds))


def _by_phase() -> GaugeMetricFamily:
    rows = load_model("UpgradeOperation").objects.order_by()
    rows = rows.filter(status=OperationStatus.IN_PROGRESS).values("phase")
    numbers = dict(rows.annotate(number=Count("pk")).values_list("phase", "number"))
    gauge = _gauge("operations_in_progress", "Operations in progress.", "phase")
    for phase in Phase.values:
        if phase != Phase.DONE:
            gauge.add_metric([phase], numbers.get(phase, 0))
    return gauge


def _by_state() -> Iterator[GaugeMetricFamily]:
    states = operations_by_state()
    rows = load_model("UpgradeOperation").objects
    rows = rows.filter(status=OperationStatus.IN_PROGRESS).order_by()
    keys = {name: Count("pk", filter=Q(pk__in=states[name])) for name in states}
    found = rows.aggregate(**keys)
    gauge = _gauge("operations_by_state", "What happens to them now.", "state")
    for name in states:
        gauge.add_metric([name], found[name])
    lost = _gauge("leases_lost", "Leases of workers that died, not yet taken back.")
    lost.add_metric([], found["lost"])
    age = _gauge("queue_age_seconds", "How long the oldest due operation has waited.")
    age.add_metric([], _queue_age(states["due"]))
    return iter((gauge, lost, age))


def _queue_age(due: QuerySet[Operation]) -> float:
    oldest = due.values_list("next_run_at", flat=True).first()
    return (timezone.now() - oldest).total_seconds() if oldest else 0.0
