"""Launches a mass upgrade once per user and key, however often it is asked for."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from ..protocols import Batch, Build, User
from ..swapper import load_model


class KeyReused(ValueError):
    """The key belongs to a launch of something else."""


def launch_once(
    build: Build,
    firmwareless: bool,
    *,
    idempotency_key: str,
    created_by: User | None,
    **fields: object,
) -> Batch:
    """Launches a mass upgrade unless this user did so under this key.

    Arguments:
        build: the build to upgrade to.
        firmwareless: whether to include devices whose firmware is not known.
        idempotency_key: the key that names the launch, empty for none.
        created_by: the user who launches it.
        fields: ``group``, ``location`` and ``upgrade_options``.

    Returns the batch, the same one for the same key.
    Raises KeyReused when the key was used for something else and
    ValidationError when there is nothing to upgrade.
    """
    asked = {"created_by": created_by, **fields}
    if not idempotency_key:
        return build.batch_upgrade(firmwareless, **asked)
    asked["idempotency_key"] = idempotency_key
    if present := _find(idempotency_key, created_by):
        return _same(present, build, firmwareless, fields)
    try:
        with transaction.atomic():
            return build.batch_upgrade(firmwareless, **asked)
    except (IntegrityError, ValidationError):
        # another request with this key may have been faster
        present = _find(idempotency_key, created_by)
        if present is None:
            raise
    return _same(present, build, firmwareless, fields)


def _find(key: str, user: User | None) -> Batch | None:
    rows = load_model("BatchUpgradeOperation").objects
    return rows.filter(created_by=user, idempotency_key=key).first()


def _same(
    batch: Batch, build: Build, firmwareless: bool, fields: dict[str, object]
) -> Batch:
    where = [getattr(fields.get(name), "pk", None) for name in ("group", "location")]
    there = [batch.build_id, batch.firmwareless, batch.upgrade_options]
    asked = [build.pk, firmwareless, fields.get("upgrade_options") or {}]
    there, asked = [*there, batch.group_id, batch.location_id], [*asked, *where]
    if there != asked:
        raise KeyReused(
            _(
                "This idempotency key was used to launch something else, use a new "
                "one for each launch."
            )
        )
    return batch
