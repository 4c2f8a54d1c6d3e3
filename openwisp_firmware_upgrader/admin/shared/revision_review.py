"""Which revisions a user may bring back: those that touch managed rows only.

A revision of django-reversion holds old states (versions) of rows of any model. What
reverts one writes all of them, and deletes what their objects have got since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any

from django.contrib.auth import get_permission_codename
from django.db.models import Max, Model, Q
from django.db.models.options import Options
from reversion.models import Version

from ...actions.delete_operations import (
    StillInProgress,
    still_needed_text,
    unfinished_operations,
)
from ...protocols import User
from ...swapper import load_model
from .revision_effects import (
    RowKey,
    applied_versions,
    devices_of,
    is_changed,
    lost_rows,
    model_of,
    old_values,
    present_rows,
)
from .row_owners import RowOwners, values_of


class RevisionReview:
    """Looks at old states of rows, and at the rows, with the eyes of a user.

    Arguments:
        user: who wants to see or revert them.
        versions: the versions of one revision; or of one model, to be listed.
        lock: whether rows must not change until the transaction ends.
    """

    def __init__(
        self, user: User, versions: Iterable[Version], *, lock: bool = False
    ) -> None:
        self.user = user
        self.lock = lock
        self.versions = list(versions)
        self._states = {(model_of(v), v.object_id): v for v in self.versions}
        self._owners = RowOwners(user, self._old_values)

    def is_readable(self) -> bool:
        """Tells whether all old states can be read, of models that are installed."""
        return all(old_values(version) is not None for version in self.versions)

    def is_managed(self, version: Version) -> bool:
        """Tells whether an old state belongs to managed organizations only."""
        values = old_values(version)
        if values is None:
            return False
        return self._owners.are_managed(model_of(version), values)

    def refuse_during_upgrades(self) -> None:
        """Raises StillInProgress while a device of the revision is upgraded.

        The image that a worker flashes would not be that of the device any more.
        """
        rows = [*self._present.values(), *self._lost[0]]
        images = [
            row.pk for row in rows if isinstance(row, load_model("FirmwareImage"))
        ]
        needed = Q(device__in=devices_of(rows)) | Q(image__in=images)
        if unfinished_operations().filter(needed).exists():
            raise StillInProgress(still_needed_text())

    def touches_managed_rows_only(self) -> bool:
        """Tells whether all that a revert writes, empties or deletes is managed."""
        # rows of others are neither read nor locked
        return (
            all(self._is_own_state(version) for version in self.versions)
            and all(self.is_managed(version) for version in self._last_versions())
            and all(
                self._owners.are_managed(type(row), values_of(row))
                for row in chain(self._present.values(), *self._lost)
            )
        )

    def is_permitted(self) -> bool:
        """Tells whether the user may do by hand what a revert would do."""
        return all(
            self.user.has_perm(
                f"{options.app_label}.{get_permission_codename(action, options)}"
            )
            for action, options in set(self._actions())
        )

    def tables(self) -> list[str]:
        """Returns the tables that a revert writes."""
        return sorted({model._meta.db_table for model, _pk in self._states})  # noqa: SLF001 documented

    @cached_property
    def _present(self) -> dict[RowKey, Model]:
        return present_rows(self.versions, lock=self.lock)

    @cached_property
    def _lost(self) -> tuple[list[Model], list[Model]]:
        return lost_rows(self._present.values())

    def _last_versions(self) -> Iterator[Version]:
        """Yields the last versions of rows that are deleted: whose they were then."""
        keys = defaultdict(list)
        for version in self.versions:
            if (model_of(version), version.object_id) not in self._present:
                keys[version.content_type_id, version.db].append(version.object_id)
        for (kind, database), pks in keys.items():
            rows = Version.objects.filter(
                content_type=kind, db=database, object_id__in=pks
            )
            last = rows.values("object_id").annotate(last=Max("pk")).values("last")
            yield from Version.objects.filter(pk__in=last)

    def _is_own_state(self, version: Version) -> bool:
        if not self.is_managed(version):
            return False
        values = old_values(version)
        return self._owners.of_targets_are_managed(model_of(version), values)

    def _actions(self) -> Iterator[tuple[str, Options]]:
        """Yields (action, options of the model) of all that a revert would do."""
        for version in applied_versions(self.versions, self._present):
            key = model_of(version), version.object_id
            row = self._present.get(key)
            if row is None:
                yield "add", key[0]._meta  # noqa: SLF001 documented by Django
            elif is_changed(version, row):
                yield "change", row._meta  # noqa: SLF001 documented by Django
        for row in self._lost[0]:
            yield "delete", row._meta  # noqa: SLF001 documented by Django

    def _old_values(self, model: type[Model], pk: str) -> dict[str, Any] | None:
        version = self._states.get((model, pk))
        return version and old_values(version)
