"""Which rows a user may see, change and delete: every interface asks here.

Organizations are those of the moment: of the device that an operation is of, not
of the mass upgrade that it was launched with.
"""

from __future__ import annotations

from django.db.models import QuerySet

from ..protocols import Batch, Operation, PrimaryKey, Row, User
from ..swapper import load_model


def sees_all(user: User | None) -> bool:
    """Tells whether a user is limited by no organization.

    Arguments:
        user: who asks; None is the program itself.
    """
    return user is None or bool(user.is_superuser)


def organizations_of(user: User | None) -> frozenset[str] | None:
    """Returns the ids of the organizations a user manages, None for all.

    Who has the same ones is given the same answers.
    """
    if user is None or sees_all(user):
        return None
    return frozenset(str(pk) for pk in user.organizations_managed)


def manages(user: User | None, organization_id: PrimaryKey | None) -> bool:
    """Tells whether a user manages an organization; all shared rows are superusers'.

    Arguments:
        user: who asks; None is the program itself.
        organization_id: primary key, None of what is shared.
    """
    if user is None or sees_all(user):
        return True
    return organization_id is not None and bool(user.is_manager(str(organization_id)))


def of_managed(
    user: User | None, rows: QuerySet[Row], organization: str
) -> QuerySet[Row]:
    """Returns the rows of organizations that a user manages, of a superuser all.

    Shared rows, which have no organization, are for superusers here.

    Arguments:
        user: who asks; None is the program itself.
        rows: what to look among.
        organization: look-up from a row to its organization.
    """
    if user is None or sees_all(user):
        return rows
    return rows.filter(**{f"{organization}__in": user.organizations_managed})


def sees_restriction(user: User | None, batch: Batch, name: str) -> bool:
    """Tells whether a user may know what a mass upgrade was restricted to.

    A superuser restricts it to whatever exists, and groups and locations may change
    hands as categories do.

    Arguments:
        user: who asks.
        batch: the mass upgrade, which the user may see.
        name: the field, ``group`` or ``location``.
    """
    restriction = getattr(batch, name)
    return restriction is None or manages(user, restriction.organization_id)


def operations_of(user: User | None, **wanted: object) -> QuerySet[Operation]:
    """Returns the upgrade operations that a user may see, change and delete.

    Arguments:
        user: who asks; permissions of the model are asked elsewhere.
        wanted: look-ups, such as ``batch=batch``.
    """
    rows = load_model("UpgradeOperation").objects.filter(**wanted)
    return of_managed(user, rows, "device__organization")


def of_owner(batch: Batch, operations: QuerySet[Operation]) -> QuerySet[Operation]:
    """Returns the operations on devices that may have the build of a batch.

    Those of the organization of its category; all when it is shared.

    Arguments:
        batch: the mass upgrade.
        operations: what to look among.
    """
    owner = batch.build.category.organization_id
    if owner is None:
        return operations
    return operations.filter(device__organization_id=owner)


def of_others(
    user: User | None, rows: QuerySet[Row], organization: str
) -> QuerySet[Row]:
    """Returns the rows that ``of_managed`` keeps from a user.

    What would delete or stop them is refused.

    Arguments:
        user: who asks; None is the program itself, from which nothing is kept.
        rows: what to look among.
        organization: look-up from a row to its organization.
    """
    if user is None or sees_all(user):
        return rows.none()
    return rows.exclude(**{f"{organization}__in": user.organizations_managed})


def foreign_operations(user: User | None, **wanted: object) -> QuerySet[Operation]:
    """Returns the upgrade operations that ``operations_of`` keeps from a user."""
    rows = load_model("UpgradeOperation").objects.filter(**wanted)
    return of_others(user, rows, "device__organization")


def is_of_managed_device(row: object, organizations: frozenset[str] | None) -> bool:
    """Tells whether a row belongs to a device of some organizations, or to none.

    Arguments:
        row: of any model; what has a ``device`` belongs to it.
        organizations: what ``organizations_of`` returned.
    """
    device = getattr(row, "device", None)
    if organizations is None or device is None:
        return True
    return str(device.organization_id) in organizations
