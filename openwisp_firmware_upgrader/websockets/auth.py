"""Who may listen to what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model
from swapper import load_model as load_any_model

from ..protocols import PrimaryKey, User
from ..selectors import access
from ..swapper import load_model

# returns the organization of a row by its primary key, None when it is gone
OrganizationOf: TypeAlias = Callable[[PrimaryKey], PrimaryKey | None]


def organization_of_operation(pk: PrimaryKey) -> PrimaryKey | None:
    """Returns the organization of an operation's device, None when unknown."""
    return _first("UpgradeOperation", pk, "device__organization_id")


def organization_of_batch(pk: PrimaryKey) -> PrimaryKey | None:
    """Returns the organization of a batch's category, None when shared."""
    return _first("BatchUpgradeOperation", pk, "build__category__organization_id")


def organization_of_device(pk: PrimaryKey) -> PrimaryKey | None:
    """Returns the organization of a device, None when unknown."""
    rows = load_any_model("config", "Device").objects.filter(pk=pk)
    return rows.values_list("organization_id", flat=True).first()


def _first(name: str, pk: PrimaryKey, column: str) -> PrimaryKey | None:
    rows = load_model(name).objects.filter(pk=pk)
    return rows.values_list(column, flat=True).first()


def may_listen(
    user: User | None,
    model: type[Model],
    organization_of: OrganizationOf,
    pk: PrimaryKey,
) -> bool:
    """Tells whether a user may listen to the events of one object.

    Arguments:
        user: the user of the connection.
        model: the model whose ``view`` or ``change`` permission counts.
        organization_of: returns the organization of the object.
        pk: primary key of the object.
    """
    if user is None or not user.is_authenticated:
        return False
    if user.is_superuser:
        return True
    if not user.is_staff or not _has_permission(user, model):
        return False
    try:
        organization = organization_of(pk)
    except (ValidationError, ValueError):
        # what is no primary key belongs to nobody
        return False
    return access.manages(user, organization)


def has_moved(
    user: User | None, organization_of: OrganizationOf, pk: PrimaryKey
) -> bool:
    """Tells whether an object is of an organization that a listener does not manage.

    Arguments:
        user: the user of the connection, as of the last check.
        organization_of: returns the organization of the object.
        pk: primary key of the object.
    """
    return not access.sees_all(user) and not access.manages(user, organization_of(pk))


def _has_permission(user: User, model: type[Model]) -> bool:
    options = model._meta  # noqa: SLF001 documented by Django
    names = (f"{verb}_{options.model_name}" for verb in ("change", "view"))
    return any(user.has_perm(f"{options.app_label}.{name}") for name in names)


def refreshed(user: User | None) -> User | None:
    """Returns the user as the database has it now, None when there is none.

    Permissions are cached on the instance, so a new one is needed to see that
    they were revoked.
    """
    model = get_user_model()
    if not isinstance(user, model):
        return user
    return model.objects.filter(pk=user.pk, is_active=True).first()
