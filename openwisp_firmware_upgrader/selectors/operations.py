"""What the engine is doing with which operations."""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.functions import Now

from ..protocols import Operation
from ..statuses import OperationStatus
from ..swapper import load_model


def operations_by_state() -> dict[str, QuerySet[Operation]]:
    """Returns the operations in progress by what is happening to them.

    ``running``: a worker holds a lease; ``lost``: a worker died with it; ``due``:
    nobody holds it and its time has come; ``waiting``: its time is to come.
    """
    rows = load_model("UpgradeOperation").objects.filter(
        status=OperationStatus.IN_PROGRESS
    )
    held = rows.filter(lease_expires_at__isnull=False).order_by("lease_expires_at")
    free = rows.filter(lease_expires_at__isnull=True).order_by("next_run_at")
    return {
        "running": held.filter(lease_expires_at__gte=Now()),
        "lost": held.filter(lease_expires_at__lt=Now()),
        "due": free.filter(next_run_at__lte=Now()),
        "waiting": free.filter(next_run_at__gt=Now()),
    }
