"""What reverting a revision of django-reversion would write and delete."""

from collections import defaultdict
from itertools import chain

from django.contrib.admin.utils import NestedObjects
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.db import connections
from reversion.revisions import _follow_relations_recursive, _get_options


def model_of(version):
    """Returns the model of a version; None if it is not installed any more."""
    return ContentType.objects.get_for_id(version.content_type_id).model_class()


def old_values(version):
    """Returns the values of a version by column; None if they cannot be read."""
    if model_of(version) is None or version.db not in connections:
        return None
    try:
        return version.field_dict
    except Exception:  # noqa: BLE001 text of any age and origin, read by any model
        return None


def present_rows(versions, *, lock):
    """Returns the rows that versions are old states of, by model and key (text).

    Arguments:
        versions: readable versions.
        lock: whether the rows must not change until the transaction ends.
    """
    keys = defaultdict(list)
    for version in versions:
        keys[model_of(version), version.db].append(version.object_id)
    found = {}
    for (model, database), pks in keys.items():
        rows = model._base_manager.using(database).filter(pk__in=pks)  # noqa: SLF001 documented
        rows = rows.select_for_update(of=("self",)) if lock else rows
        found.update({(model, str(row.pk)): row for row in rows})
    return found


def lost_rows(rows):
    """Returns what a revert deletes: (rows that vanish, rows that lose a reference).

    That is what is followed from the rows, was not stored with them, and all that
    goes with it.

    Arguments:
        rows: the present rows of a revision.
    """
    rows = set(rows)
    by_model = defaultdict(list)
    for row in set(chain.from_iterable(map(_follow_relations_recursive, rows))) - rows:
        by_model[type(row), row._state.db].append(row)  # noqa: SLF001 documented
    vanish, lose = [], []
    for (_model, database), doomed in by_model.items():
        collector = NestedObjects(using=database, origin=doomed)
        collector.collect(doomed)
        vanish += chain.from_iterable(collector.data.values())
        lose += chain.from_iterable(
            chain.from_iterable(collector.field_updates.values())
        )
    # rows of automatic many-to-many tables go with what they connect
    return [row for row in vanish if not row._meta.auto_created], lose  # noqa: SLF001 documented


def is_changed(version, row):
    """Tells whether a revert would change a row.

    Arguments:
        version: an old state.
        row: the present row.
    """
    options = _get_options(type(row))
    present = serializers.serialize(
        options.format,
        (row,),
        fields=options.fields,
        use_natural_foreign_keys=options.use_natural_foreign_keys,
    )
    return present != version.serialized_data
