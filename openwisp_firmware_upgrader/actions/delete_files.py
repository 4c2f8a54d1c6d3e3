"""Deletes the files of images that are gone from the database."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import PurePosixPath

from django.core.files.storage import Storage
from django.db import transaction

from ..protocols import Image
from ..state import wakeups
from ..swapper import load_model


def schedule_deletion(image_model: type[Image], **filters: object) -> None:
    """Deletes the files of the images found by ``filters``, after commit."""
    rows = image_model.objects.filter(**filters)
    names = [image.file.name for image in rows.iterator() if image.file.name]
    if names:
        transaction.on_commit(partial(wakeups.send, "delete_firmware_files", names))


def delete_file_of(sender: type[Image], instance: Image, **kwargs: object) -> None:
    """Receiver: the file of a deleted image goes with it, after commit.

    Single and queryset deletes alike; the files of images that go with their
    build, category or organization are scheduled once for all of them.
    """
    origin = kwargs.get("origin", instance)
    deleted = getattr(origin, "model", type(origin))
    name = instance.file.name
    if name and issubclass(deleted, sender):
        transaction.on_commit(partial(_delete, sender, name))


def _delete(image_model: type[Image], name: str) -> None:
    # another image may have been stored under the same name meanwhile
    if not image_model.objects.filter(file=name).exists():
        image_model._remove_file(name)  # noqa: SLF001 third parties override it


def delete_files(names: list[str]) -> None:
    """Deletes files of images by their names in the private storage."""
    for name in names:
        _delete(load_model("FirmwareImage"), name)


def remove_file(storage: Storage, path: str, logger: logging.Logger) -> bool:
    """Deletes one file and, when it was the last one, its folder.

    Arguments:
        storage: where the file is kept.
        path: its name there.
        logger: what is told about it.

    Returns whether the file is gone.
    """
    try:
        storage.delete(path)
    except Exception as error:  # noqa: BLE001 storages raise errors of their own
        logger.error("Error deleting firmware file %s: %s", path, str(error))
        return False
    logger.info("Deleted firmware file: %s", path)
    folder = str(PurePosixPath(path).parent)
    if folder != ".":
        _remove_folder(storage, folder, logger)
    return True


def _remove_folder(storage: Storage, folder: str, logger: logging.Logger) -> None:
    try:
        if any(storage.listdir(folder)):
            logger.debug("Directory %s is not empty, it stays", folder)
            return
        storage.delete(folder)
        logger.info("Deleted empty directory: %s", folder)
    except FileNotFoundError:
        logger.debug("Directory %s was already removed", folder)
    except Exception as error:  # noqa: BLE001 storages raise errors of their own
        logger.error("Could not delete directory %s: %s", folder, str(error))
