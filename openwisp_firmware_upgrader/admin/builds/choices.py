"""Groups and locations for selects that are too long to be written into a page."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, JsonResponse

from ...protocols import Build
from .confirmation_form import BatchUpgradeConfirmationForm

PER_PAGE = 20
FIELDS = ("group", "location")


def answer(request: HttpRequest, build: Build, name: str) -> JsonResponse:
    """Answers select2: choices whose name contains ``term``, page by page.

    Arguments:
        request: with ``term`` and ``page`` in its query.
        build: the build to upgrade to.
        name: the field, ``group`` or ``location``.
    """
    if name not in FIELDS:
        raise Http404
    form = BatchUpgradeConfirmationForm(initial={"build": build}, user=request.user)
    field = form.fields[name]
    rows = field.queryset.filter(name__icontains=request.GET.get("term", ""))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    results = [
        {"id": str(row.pk), "text": field.label_from_instance(row)} for row in page
    ]
    return JsonResponse({"results": results, "pagination": {"more": page.has_next()}})
