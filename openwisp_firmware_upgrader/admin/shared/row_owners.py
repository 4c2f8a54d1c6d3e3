"""Whose a row is: the organizations that it belongs to and points to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model
from django.db.models.options import Options

from ...protocols import User

# from an operation to its organization: mass upgrade, build, category
STEPS = 3

# values of a row by column
Values: TypeAlias = Mapping[str, Any]
# model, column and value of a row that another one points to
Target: TypeAlias = tuple[type[Model], str, object]


class RowOwners:
    """Compares the owners of rows with the organizations that a user manages.

    Arguments:
        user: the user.
        old_values: a function that returns the values of a deleted row by model and
            key (text); None if it is not known either.
    """

    def __init__(
        self, user: User, old_values: Callable[[type[Model], str], Values | None]
    ) -> None:
        self.managed = {str(pk) for pk in user.organizations_managed}
        self._old_values = old_values
        self._found: dict[tuple[type[Model], str, str], Values | None] = {}

    def are_managed(self, model: type[Model], values: Values) -> bool:
        """Tells whether a row belongs to managed organizations and to no other.

        Arguments:
            model: model of the row.
            values: its values by column.
        """
        # None is what all organizations share: to point to, not to write
        owners = self._owners(model, values, STEPS) - {None}
        return bool(owners) and owners <= self.managed

    def of_targets_are_managed(self, model: type[Model], values: Values) -> bool:
        """Tells whether what a row points to is managed, shared, or gone.

        The row may belong to the user and its device group not any more.
        """
        return self._owners_of_targets(model, values, STEPS) - {None} <= self.managed

    def _owners(
        self, model: type[Model], values: Values, steps: int
    ) -> set[str | None]:
        column = organization_column(model)
        if column is not None:
            pk = values.get(column)
            return {pk and str(pk)}
        return self._owners_of_targets(model, values, steps)

    def _owners_of_targets(
        self, model: type[Model], values: Values, steps: int
    ) -> set[str | None]:
        found: set[str | None] = set()
        for target in _targets(model, values) if steps else ():
            row = self._target_values(*target)
            found |= self._owners(target[0], row, steps - 1) if row else set()
        return found

    def _target_values(
        self, model: type[Model], column: str, value: object
    ) -> Values | None:
        key = model, column, str(value)
        if key not in self._found:
            row = _row(model, column, value)
            old = self._old_values(model, str(value))
            self._found[key] = values_of(row) if row else old
        return self._found[key]


def organization_column(model: type[Model]) -> str | None:
    """Returns the column of a model's organization; None if it has none."""
    fields = model._meta.concrete_fields  # noqa: SLF001 documented by Django
    columns = [field.attname for field in fields if field.name == "organization"]
    return columns[0] if columns else None


def values_of(row: Model) -> Values:
    """Returns the values of a row by column."""
    fields = row._meta.concrete_fields  # noqa: SLF001 documented by Django
    return {field.attname: getattr(row, field.attname) for field in fields}


def _row(model: type[Model], column: str, value: object) -> Model | None:
    rows = model._base_manager  # noqa: SLF001 documented by Django
    try:
        return rows.filter(**{column: value}).first()
    except (ValueError, ValidationError):
        # generic relations hold any text
        return None


def _targets(model: type[Model], values: Values) -> Iterator[Target]:
    """Yields (model, column, value) of each row that a row points to."""
    options = model._meta  # noqa: SLF001 documented by Django
    for field in options.concrete_fields:
        value = values.get(field.attname)
        if isinstance(field, ForeignKey) and value is not None:
            yield field.related_model, field.target_field.attname, value
    for field in options.many_to_many:
        for value in values.get(field.attname, ()):
            yield field.related_model, "pk", value
    for field in options.private_fields:
        if isinstance(field, GenericForeignKey):
            yield from _generic_target(options, field, values)


def _generic_target(
    options: Options, field: GenericForeignKey, values: Values
) -> Iterator[Target]:
    kind = values.get(options.get_field(field.ct_field).attname)
    value = values.get(field.fk_field)
    model = ContentType.objects.get_for_id(kind).model_class() if kind else None
    if model is not None and value is not None:
        yield model, "pk", value
