"""Which revisions a user may bring back: those that touch managed rows only.

A revision of django-reversion holds old states (versions) of rows of any model. What
reverts one writes all of them, and deletes what their objects have got since.
"""

from collections import defaultdict

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import ForeignKey
from reversion.errors import RegistrationError, RevertError
from reversion.revisions import _follow_relations_recursive

# from an operation to its organization: mass upgrade, build, category
STEPS = 3


class RevisionReview:
    """Looks at rows and their old states with the eyes of a user.

    Arguments:
        user: who wants to see or revert them.
        versions: the versions of one revision; or of one model, to be listed.
    """

    def __init__(self, user, versions):
        self.managed = {str(pk) for pk in user.organizations_managed}
        self.versions = list(versions)
        self._states = {(model_of(v), v.object_id): v for v in self.versions}
        self._found = {}

    def may_revert(self):
        """Tells whether all that a revert writes or deletes is managed."""
        old_states = all(self.is_managed(version) for version in self.versions)
        return old_states and self._present_rows_are_managed()

    def is_managed(self, version):
        """Tells whether an old state belongs to managed organizations only."""
        values = _old_values(version)
        return values is not None and self._is_managed(model_of(version), values)

    def _present_rows_are_managed(self):
        # a revert deletes what is followed and not in the revision
        rows = {
            followed
            for row in present_rows(self.versions)
            for followed in _follow_relations_recursive(row)
        }
        return all(self._is_managed(type(row), _values(row)) for row in rows)

    def _is_managed(self, model, values):
        # None is what all organizations share: to point to, not to write
        owners = self._owners(model, values, STEPS) - {None}
        return bool(owners) and owners <= self.managed

    def _owners(self, model, values, steps):
        """Returns the organizations of a row, or of all the rows it points to."""
        owner = _organization_column(model)
        if owner is not None:
            pk = values.get(owner)
            return {pk and str(pk)}
        found = set()
        for target in _targets(model, values) if steps else ():
            row = self._target_values(*target)
            found |= self._owners(target[0], row, steps - 1) if row else set()
        return found

    def _target_values(self, model, name, value):
        """Returns the values of a row; its old ones when it was deleted."""
        key = model, name, str(value)
        if key not in self._found:
            rows = model._base_manager.filter(**{name: value})  # noqa: SLF001 documented
            row, old = rows.first(), self._states.get((model, str(value)))
            self._found[key] = _values(row) if row else old and _old_values(old)
        return self._found[key]


def model_of(version):
    """Returns the model of a version; None if it is not installed any more."""
    return ContentType.objects.get_for_id(version.content_type_id).model_class()


def present_rows(versions):
    """Returns the rows that versions are old states of, but those that were deleted."""
    keys = defaultdict(list)
    for version in versions:
        keys[model_of(version), version.db].append(version.object_id)
    return [
        row
        for (model, database), pks in keys.items()
        for row in model._base_manager.using(database).filter(pk__in=pks)  # noqa: SLF001 documented
    ]


def _old_values(version):
    """Returns the values of a version; None if they cannot be read any more."""
    if model_of(version) is None:
        return None
    try:
        return version.field_dict
    except (RevertError, RegistrationError, ObjectDoesNotExist, KeyError):
        return None


def _values(row):
    fields = row._meta.concrete_fields  # noqa: SLF001 documented by Django
    return {field.attname: getattr(row, field.attname) for field in fields}


def _organization_column(model):
    """Returns the column of a model's organization; None if it has none."""
    fields = model._meta.concrete_fields  # noqa: SLF001 documented by Django
    columns = [field.attname for field in fields if field.name == "organization"]
    return columns[0] if columns else None


def _targets(model, values):
    """Yields (model, column, value) of each row that a row points to."""
    options = model._meta  # noqa: SLF001 documented by Django
    for field in options.concrete_fields:
        value = values.get(field.attname)
        if isinstance(field, ForeignKey) and value is not None:
            yield field.related_model, field.target_field.attname, value
    for field in options.private_fields:
        if isinstance(field, GenericForeignKey):
            yield from _generic_target(options, field, values)


def _generic_target(options, field, values):
    kind = values.get(options.get_field(field.ct_field).attname)
    value = values.get(field.fk_field)
    model = ContentType.objects.get_for_id(kind).model_class() if kind else None
    if model is not None and value is not None:
        yield model, "pk", value
