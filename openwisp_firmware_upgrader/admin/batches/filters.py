"""Filters, search and order of the operations on the page of a mass upgrade."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from swapper import load_model as load_any_model

from ...protocols import Operation, PrimaryKey
from ...statuses import OperationStatus

# columns the operations may be ordered by, "-" before one reverses it
ORDERS = {
    "device": "device__name",
    "status": "status",
    "image": "image__type",
    "modified": "modified",
}


class Choice(TypedDict):
    """One choice of a filter; its query keeps all other parameters."""

    display: str
    selected: bool
    query_string: str


@dataclass(frozen=True)
class FilterSpec:
    """One filter: its title and its choices."""

    title: str
    choices: list[Choice]


def query_string(request: HttpRequest, **changes: str | None) -> str:
    """Returns the query of the request with parameters changed or left out.

    Arguments:
        request: the request.
        changes: new values by parameter, None leaves a parameter out.
    """
    query = request.GET.copy()
    # another filter shows other rows, their pages begin at the first
    query.pop("page", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"?{urlencode(list(query.lists()), doseq=True)}"


def page_query(request: HttpRequest, number: int) -> str:
    """Returns the query of the request for another page."""
    query = request.GET.copy()
    query["page"] = number
    return f"?{urlencode(list(query.lists()), doseq=True)}"


def filter_spec(
    request: HttpRequest,
    name: str,
    title: str,
    values: Sequence[tuple[PrimaryKey, str]],
    current: str,
) -> FilterSpec:
    """Returns a filter with "All" and one choice for each value.

    Arguments:
        request: the request.
        name: parameter of the query.
        title: what the filter is called.
        values: pairs of value and label.
        current: the chosen value, "" for all.
    """
    known = {str(value) for value, _label in values}
    choices: list[Choice] = [
        {
            "display": _("All"),
            "selected": str(current or "") not in known,
            "query_string": query_string(request, **{name: None}),
        }
    ]
    for value, label in values:
        choices.append(
            {
                "display": label,
                "selected": str(value) == str(current),
                "query_string": query_string(request, **{name: str(value)}),
            }
        )
    return FilterSpec(title, choices)


def status_spec(request: HttpRequest, current: str) -> FilterSpec:
    """Returns the filter by status."""
    values = [(value, str(label)) for value, label in OperationStatus.choices]
    return filter_spec(request, "status", _("status"), values, current)


def organization_spec(request: HttpRequest, current: str) -> FilterSpec:
    """Returns the filter by organization of the device."""
    rows = load_any_model("openwisp_users", "Organization").objects.order_by("name")
    if not request.user.is_superuser:
        rows = rows.filter(pk__in=request.user.organizations_managed)
    values = list(rows.values_list("pk", "name"))
    return filter_spec(request, "organization", _("organization"), values, current)


def filtered(
    rows: QuerySet[Operation], query: Mapping[str, str]
) -> QuerySet[Operation]:
    """Returns the operations that match search, status and organization.

    Arguments:
        rows: operations.
        query: parameters of the request; what makes no sense matches nothing.
    """
    text = query.get("q", "").strip()
    if text:
        name, mac = (
            Q(device__name__icontains=text),
            Q(device__mac_address__icontains=text),
        )
        rows = rows.filter(name | mac)
    if status := query.get("status"):
        rows = rows.filter(status=status)
    if organization := query.get("organization"):
        if not is_uuid(organization):
            return rows.none()
        rows = rows.filter(device__organization=organization)
    return rows


def ordered(rows: QuerySet[Operation], wanted: str) -> QuerySet[Operation]:
    """Returns operations in the wanted order, by id when it is not known."""
    column = ORDERS.get(wanted.removeprefix("-"))
    if column is None:
        return rows.order_by("id")
    return rows.order_by(f"-{column}" if wanted.startswith("-") else column, "id")


def columns(request: HttpRequest) -> list[dict[str, str]]:
    """Returns the columns of the table with the links that order by them."""
    wanted = request.GET.get("o", "")
    labels = {
        "device": _("device"),
        "status": _("status"),
        "image": _("image"),
        "modified": _("last updated"),
    }
    return [
        {
            "label": label,
            "direction": _direction(name, wanted),
            "query_string": query_string(
                request, o=f"-{name}" if wanted == name else name
            ),
        }
        for name, label in labels.items()
    ]


def _direction(name: str, wanted: str) -> str:
    if wanted.removeprefix("-") != name:
        return "none"
    return "descending" if wanted.startswith("-") else "ascending"


def is_uuid(text: object) -> bool:
    """Tells whether a text is a primary key."""
    try:
        uuid.UUID(str(text))
    except ValueError:
        return False
    return True


def kept_parameters(request: HttpRequest) -> list[tuple[str, str]]:
    """Returns the pairs of parameters that a new search keeps."""
    dropped = ("q", "page")
    return [
        (name, value)
        for name, values in request.GET.lists()
        if name not in dropped
        for value in values
    ]


def page_number(paginator: Paginator, wanted: str | int | None) -> int:
    """Returns the number of the wanted page, 1 when there is no such page."""
    try:
        number = int(wanted)  # type: ignore[arg-type]  # None is a TypeError
    except (TypeError, ValueError):
        return 1
    return number if 1 <= number <= paginator.num_pages else 1
