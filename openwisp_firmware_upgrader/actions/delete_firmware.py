"""Deletes images, builds and categories that no upgrade needs.

The rule is the same for REST, the admin and whatever comes.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connections, transaction
from django.db.models import Exists, OuterRef, QuerySet

from ..protocols import Build, Category, Image, Row, User
from ..selectors import access
from ..swapper import load_model
from .delete_operations import (
    BelongsToOthers,
    StillInProgress,
    foreign_text,
    launching_batches,
    still_needed_text,
    unfinished_operations,
)

# look-ups from an image and from a build to what is deleted
TO_IMAGE = {"FirmwareImage": "pk", "Build": "build", "Category": "build__category"}
TO_BUILD = {"FirmwareImage": "firmwareimage", "Build": "pk", "Category": "category"}


def delete_firmware(doomed: Image | Build | Category, user: User | None = None) -> None:
    """Deletes an image, a build or a category with all that belongs to it.

    Arguments:
        doomed: what is to be deleted.
        user: who asks for it, None for a program.

    Raises StillInProgress while an upgrade needs an image of it or a mass upgrade of
    it is being launched, BelongsToOthers when rows of devices that are not the
    user's would go with it.
    """
    with transaction.atomic():
        refuse_deletion([doomed], user)
        doomed.delete()


def refuse_deletion(doomed: Iterable[Row], user: User | None = None) -> None:
    """Raises what keeps images, builds or categories from being deleted.

    In a transaction no upgrade can begin to need one of them until its end.

    Arguments:
        doomed: objects of one kind.
        user: who wants to delete them, None for a program.

    Raises StillInProgress and BelongsToOthers as ``delete_firmware`` does.
    """
    doomed = list(doomed)
    if not doomed:
        return
    name, pks = _name_of(doomed[0]), [each.pk for each in doomed]
    rows = load_model("FirmwareImage").objects.filter(**{f"{TO_IMAGE[name]}__in": pks})
    found = list(_images(rows, user))
    if name != "FirmwareImage":
        rows = load_model("Build").objects.filter(**{f"{TO_BUILD[name]}__in": pks})
        found += _builds(rows, user)
    if any(row.is_needed or row.is_launched for row in found):
        raise StillInProgress(still_needed_text())
    if any(row.is_of_others for row in found):
        raise BelongsToOthers(foreign_text())


def _images(rows: QuerySet[Image], user: User | None) -> QuerySet[Image]:
    """Returns images with what keeps them: one query, whatever their number."""
    firmware = load_model("DeviceFirmware").objects.filter(image=OuterRef("pk"))
    firmware = access.of_others(user, firmware, "device__organization")
    if connections[rows.db].in_atomic_block:
        # an operation that is added waits for the lock on its image
        rows = rows.select_for_update(of=("self",)).order_by("pk")
    return rows.annotate(
        is_needed=Exists(unfinished_operations(image=OuterRef("pk"))),
        is_launched=Exists(launching_batches(build=OuterRef("build"))),
        is_of_others=Exists(firmware),
    )


def _builds(rows: QuerySet[Build], user: User | None) -> QuerySet[Build]:
    """Returns builds with what keeps them, which is in their mass upgrades."""
    build = {"batch__build": OuterRef("pk")}
    return rows.annotate(
        is_needed=Exists(unfinished_operations(**build)),
        is_launched=Exists(launching_batches(build=OuterRef("pk"))),
        is_of_others=Exists(access.foreign_operations(user, **build)),
    )


def _name_of(doomed: Row) -> str:
    return next(name for name in TO_IMAGE if isinstance(doomed, load_model(name)))
