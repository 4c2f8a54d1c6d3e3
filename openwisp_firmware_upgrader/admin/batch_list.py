"""The list of mass upgrades, with how far each has come."""

from django.contrib.admin.views.main import ChangeList

from ..statuses import OperationStatus
from ..swapper import load_model
from .build_list import count_of


class BatchChangeList(ChangeList):
    """Counts in the query that loads the rows of a page."""

    def get_queryset(self, request, **kwargs):
        """Returns the mass upgrades with their numbers of operations."""
        operations = load_model("UpgradeOperation").objects.all()
        running = operations.filter(status=OperationStatus.IN_PROGRESS)
        return (
            super()
            .get_queryset(request, **kwargs)
            .annotate(
                number_of_operations=count_of(operations, "batch"),
                number_in_progress=count_of(running, "batch"),
            )
        )
