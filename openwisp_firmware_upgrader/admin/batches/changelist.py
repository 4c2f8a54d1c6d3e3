"""The list of mass upgrades, with how far each has come."""

from __future__ import annotations

from typing import Protocol

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from ...protocols import Batch
from ...selectors import access
from ...statuses import OperationStatus
from ..builds.changelist import count_of


class CountedBatch(Batch, Protocol):
    """A mass upgrade as the list has it."""

    number_of_operations: int
    number_in_progress: int


class BatchChangeList(ChangeList):
    """Counts in the query that loads the rows of a page."""

    def get_queryset(
        self, request: HttpRequest, **kwargs: object
    ) -> QuerySet[CountedBatch]:
        """Returns the mass upgrades with how many operations the user sees."""
        operations = access.operations_of(request.user)
        running = operations.filter(status=OperationStatus.IN_PROGRESS)
        return (
            super()
            .get_queryset(request, **kwargs)
            .annotate(
                number_of_operations=count_of(operations, "batch"),
                number_in_progress=count_of(running, "batch"),
            )
        )
