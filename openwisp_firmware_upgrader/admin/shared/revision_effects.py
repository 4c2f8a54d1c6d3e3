"""What reverting a revision of django-reversion would write and delete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any, TypeAlias, cast

from django.contrib.admin.utils import NestedObjects
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.db import connections, transaction
from django.db.models import Model
from django.db.models.deletion import Collector
from reversion.models import Revision, Version, _safe_revert
from reversion.revisions import _follow_relations_recursive, _get_options
from swapper import load_model as load_any_model

from ...protocols import PrimaryKey
from ...swapper import load_model

# model and key, as text: versions hold keys of any type so
RowKey: TypeAlias = tuple[type[Model], str]


# None, which this and the next may return, is what no readable version has: Any
# stands for it, so that nobody has to look for it after ``is_readable``
def model_of(version: Version) -> type[Model] | Any:
    """Returns the model of a version; None if it is not installed any more."""
    return ContentType.objects.get_for_id(version.content_type_id).model_class()


def old_values(version: Version) -> dict[str, Any] | Any:
    """Returns the values of a version by column; None if they cannot be read."""
    if model_of(version) is None or version.db not in connections:
        return None
    try:
        return version.field_dict
    except Exception:  # noqa: BLE001 text of any age and origin, read by any model
        return None


def present_rows(versions: Iterable[Version], *, lock: bool) -> dict[RowKey, Model]:
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


def applied_versions(
    versions: Iterable[Version], present: Mapping[RowKey, Model]
) -> list[Version]:
    """Returns the old states that are written: upgrade operations are history.

    One that exists stays as it is, one that was deleted does not come back, unless
    the whole device is recovered.

    Arguments:
        versions: readable versions.
        present: what ``present_rows`` returned for them.
    """
    operations, devices = load_model("UpgradeOperation"), _device_model()

    def is_applied(version: Version) -> bool:
        if model_of(version) is not operations:
            return True
        device = devices, str(old_values(version)["device_id"])
        return device not in present

    return [version for version in versions if is_applied(version)]


def devices_of(rows: Collection[Model]) -> set[PrimaryKey]:
    """Returns the keys of the devices that rows are, or belong to."""
    devices = _device_model()
    found = {row.pk for row in rows if isinstance(row, devices)}
    named = {getattr(row, "device_id", None) for row in rows} - {None}
    return found | cast("set[PrimaryKey]", named)


def _device_model() -> type[Model]:
    return load_any_model("config", "Device")


def lost_rows(rows: Iterable[Model]) -> tuple[list[Model], list[Model]]:
    """Returns what a revert deletes: (rows that vanish, rows that lose a reference).

    That is what is followed from the rows, was not stored with them, and all that
    goes with it.

    Arguments:
        rows: the present rows of a revision.
    """
    vanish: list[Model] = []
    lose: list[Model] = []
    for (_model, database), doomed in _doomed_rows(rows).items():
        collector = NestedObjects(using=database, origin=doomed)
        collector.collect(doomed)
        vanish += chain.from_iterable(collector.data.values())
        lose += chain.from_iterable(
            chain.from_iterable(collector.field_updates.values())
        )
    # rows of automatic many-to-many tables go with what they connect
    return [row for row in vanish if not row._meta.auto_created], lose  # noqa: SLF001 documented


def _doomed_rows(rows: Iterable[Model]) -> dict[tuple[type[Model], str], list[Model]]:
    """Returns what is followed from rows but none of them, by model and database."""
    rows = set(rows)
    operations = load_model("UpgradeOperation")
    found = defaultdict(list)
    for row in set(chain.from_iterable(map(_follow_relations_recursive, rows))) - rows:
        if not isinstance(row, operations):
            found[type(row), row._state.db].append(row)  # noqa: SLF001 documented
    return found


def revert(revision: Revision, delete: bool = False) -> None:
    """Reverts a revision as django-reversion does, but for what is history.

    Arguments:
        revision: the revision, all of whose versions are readable.
        delete: whether to delete what was not stored with it.
    """
    versions = list(revision.version_set.all())
    present = present_rows(versions, lock=False)
    by_database = defaultdict(list)
    for version in applied_versions(versions, present):
        by_database[version.db].append(version)
    doomed = _doomed_rows(present.values()) if delete else {}
    for database, applied in by_database.items():
        with transaction.atomic(using=database):
            collector = Collector(using=database)
            for (_model, using), rows in doomed.items():
                if using == database:
                    collector.collect(rows)
            collector.delete()
            _safe_revert(applied)


def is_changed(version: Version, row: Model) -> bool:
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
