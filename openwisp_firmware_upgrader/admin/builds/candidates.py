"""The devices a mass upgrade would find, as the confirmation page shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, cast

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from ...protocols import Build, Device, Image, Owned, Row, User
from ...selectors.candidates import Candidates, Overview, find_candidates
from ..batches.filters import page_number
from .confirmation_form import BatchUpgradeConfirmationForm

PER_PAGE = 20
TEMPLATE = "admin/firmware_upgrader/includes/candidates.html"


class Found(Row, Protocol):
    """A device or the firmware of one, with what is known of it."""

    is_running: bool
    has_connection: bool
    lacks_image: bool
    is_offline: bool


class CandidateRow(TypedDict):
    """A device as the page shows it."""

    device: Device
    image: Image | None
    has_connection: bool
    notes: list[str]


@dataclass
class Page:
    """One page of the devices, those with a known image first."""

    everything: Candidates
    overview: Overview
    number: int = 1
    pages: int = 1
    search: str = ""
    rows: list[CandidateRow] = field(default_factory=list)

    @property
    def previous(self) -> int:
        """Number of the page before, 0 when there is none."""
        return self.number - 1

    @property
    def next(self) -> int:
        """Number of the page after, 0 when there is none."""
        return self.number + 1 if self.number < self.pages else 0

    @property
    def as_json(self) -> dict[str, int]:
        """The counts by name."""
        overview = self.overview
        return {
            "total": overview.total,
            "related": overview.related,
            "firmwareless": overview.firmwareless,
            **overview.kinds,
        }


class TwoQuerysets:
    """Two querysets one after the other, whose lengths are known."""

    # Paginator takes it for a queryset in order
    ordered = True

    def __init__(self, parts: list[tuple[QuerySet[Found], int]]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(length for _rows, length in self.parts)

    def __getitem__(self, wanted: slice) -> list[Found]:
        found: list[Found] = []
        start, stop = wanted.start, wanted.stop
        for rows, length in self.parts:
            if start < length and stop > 0:
                found.extend(rows[max(start, 0) : min(stop, length)])
            start, stop = start - length, stop - length
        return found


def candidates_page(
    build: Build,
    *,
    user: User,
    group: Owned | None = None,
    location: Owned | None = None,
    search: str = "",
    number: str | int | None = 1,
) -> Page:
    """Returns one page of the devices and the counts of all of them.

    Arguments:
        build: the build to upgrade to.
        user: who asks, sees the devices of managed organizations.
        group: only devices of this group.
        location: only devices at this location.
        search: part of the name or of the MAC address.
        number: number of the page; one that does not exist is the first.
    """
    everything = find_candidates(build, group=group, location=location, user=user)
    overview = listed = everything.overview()
    found = everything
    if search:
        found = everything.matching(search)
        listed = found.overview()
    related = found.related.select_related(
        "device__organization", "image__build__category"
    )
    firmwareless = found.firmwareless.select_related("organization")
    parts = [(related, listed.related), (firmwareless, listed.firmwareless)]
    paginator = Paginator(TwoQuerysets(parts), PER_PAGE)
    page = paginator.page(page_number(paginator, number))
    return Page(
        everything,
        overview,
        page.number,
        paginator.num_pages,
        search,
        [_row(found) for found in page.object_list],
    )


def _row(found: Found) -> CandidateRow:
    device = cast("Device", getattr(found, "device", found))
    image = getattr(found, "image", None)
    return {
        "device": device,
        "image": image,
        "has_connection": found.has_connection,
        "notes": list(_notes(found)),
    }


def _notes(found: Found) -> Iterator[str]:
    if found.is_running:
        yield _("an upgrade is in progress already")
    if not found.has_connection:
        yield _("no credentials")
    if found.lacks_image:
        yield _("no image of the build fits")
    if found.is_offline:
        yield _("was offline last time")


def answer(request: HttpRequest, build: Build) -> JsonResponse:
    """Answers the script of the confirmation page: counts and a page of devices.

    Arguments:
        request: with ``group``, ``location``, ``q`` and ``page`` in its query.
        build: the build to upgrade to.
    """
    chosen = _chosen(request, build)
    page = candidates_page(
        build,
        user=request.user,
        **chosen,
        search=request.GET.get("q", "").strip(),
        number=request.GET.get("page"),
    )
    html = render_to_string(TEMPLATE, {"candidates": page}, request)
    shown = {"page": page.number, "pages": page.pages}
    return JsonResponse({"counts": page.as_json, "html": html, **shown})


def _chosen(request: HttpRequest, build: Build) -> dict[str, Any]:
    form = BatchUpgradeConfirmationForm(initial={"build": build}, user=request.user)
    found = {}
    for name in ("group", "location"):
        try:
            found[name] = form.fields[name].clean(request.GET.get(name, ""))
        except ValidationError as error:
            raise Http404(_("There is no such choice.")) from error
    return found
