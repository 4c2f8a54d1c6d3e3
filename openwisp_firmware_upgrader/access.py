"""Which rows a user may see, change and delete: every interface asks here.

Organizations are those of the moment: of the device that an operation is of, not
of the mass upgrade that it was launched with.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from .swapper import load_model


def of_managed(user: Any, rows: QuerySet[Any], organization: str) -> QuerySet[Any]:
    """Returns the rows of organizations that a user manages, of a superuser all.

    Shared rows, which have no organization, are for superusers here.

    Arguments:
        user: who asks.
        rows: what to look among.
        organization: look-up from a row to its organization.
    """
    if user.is_superuser:
        return rows
    return rows.filter(**{f"{organization}__in": user.organizations_managed})


def operations_of(user: Any, **wanted: Any) -> QuerySet[Any]:
    """Returns the upgrade operations that a user may see, change and delete.

    Arguments:
        user: who asks; permissions of the model are asked elsewhere.
        wanted: look-ups, such as ``batch=batch``.
    """
    rows = load_model("UpgradeOperation").objects.filter(**wanted)
    return of_managed(user, rows, "device__organization")


def of_others(user: Any, rows: QuerySet[Any], organization: str) -> QuerySet[Any]:
    """Returns the rows that ``of_managed`` keeps from a user.

    What would delete or stop them is refused.

    Arguments:
        user: who asks; None is the program itself, from which nothing is kept.
        rows: what to look among.
        organization: look-up from a row to its organization.
    """
    if user is None or user.is_superuser:
        return rows.none()
    return rows.exclude(**{f"{organization}__in": user.organizations_managed})


def foreign_operations(user: Any, **wanted: Any) -> QuerySet[Any]:
    """Returns the upgrade operations that ``operations_of`` keeps from a user."""
    rows = load_model("UpgradeOperation").objects.filter(**wanted)
    return of_others(user, rows, "device__organization")


def is_of_managed_device(user: Any, row: Any) -> bool:
    """Tells whether a row belongs to a device that a user manages, or to none.

    Arguments:
        user: who asks; None is the program itself.
        row: of any model; what has a ``device`` belongs to it.
    """
    device = getattr(row, "device", None)
    if user is None or user.is_superuser or device is None:
        return True
    return bool(user.is_manager(str(device.organization_id)))
