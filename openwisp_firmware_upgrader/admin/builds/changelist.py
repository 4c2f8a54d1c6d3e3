"""The list of builds, with the numbers of images and devices."""

from __future__ import annotations

from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from ...protocols import Build, Row
from ...selectors import access
from ...swapper import load_model


def count_of(rows: QuerySet[Row], lookup: str) -> Coalesce:
    """Returns an expression for how many ``rows`` belong to the outer row.

    Arguments:
        rows: the rows to count.
        lookup: the field of ``rows`` that refers to the outer row.
    """
    found = rows.filter(**{lookup: OuterRef("pk")}).order_by().values(lookup)
    numbers = Subquery(found.annotate(n=Count("pk")).values("n"), IntegerField())
    return Coalesce(numbers, 0)


class BuildChangeList(ChangeList):
    """Counts in the query that loads the rows of a page."""

    def get_queryset(self, request: HttpRequest, **kwargs: object) -> QuerySet[Build]:
        """Returns the builds with their numbers."""
        images = load_model("FirmwareImage").objects.all()
        firmwares = load_model("DeviceFirmware").objects.filter(installed=True)
        # a device that has moved takes its firmware along
        firmwares = access.of_managed(request.user, firmwares, "device__organization")
        rows = super().get_queryset(request, **kwargs)
        return rows.annotate(
            number_of_images=count_of(images, "build"),
            number_of_devices=count_of(firmwares, "image__build"),
        )
