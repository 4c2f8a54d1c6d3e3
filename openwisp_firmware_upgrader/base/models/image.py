"""Firmware images: one file of a build, for the boards of one type."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel
from private_storage.fields import PrivateFileField

from ... import settings as app_settings
from ...actions import delete_files
from ...hardware import FIRMWARE_IMAGE_MAP, FIRMWARE_IMAGE_TYPE_CHOICES
from ...images import sha256_and_size
from ...protocols import Build, Category, Image, Row
from ...swapper import get_model_name

# of a stored name; with the folder of its build that is what the column holds, and
# a file system takes it with the suffix that tells equal names apart
NAME_BYTES = 218


def get_build_directory(instance: Image, filename: str) -> str:
    """Returns where the file of an image is stored: a folder per build."""
    return f"{instance.build.pk}/{_shortened(filename)}"


def _shortened(name: str) -> str:
    # columns count characters, file systems bytes
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > NAME_BYTES // 2:
        stem, dot, ending = name, "", ""
    room = NAME_BYTES - len(f"{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore')}{dot}{ending}"


class AbstractFirmwareImage(TimeStampedEditableModel):
    """A firmware file of a build; its type says which boards it fits."""

    build = models.ForeignKey(get_model_name("Build"), on_delete=models.CASCADE)
    file = PrivateFileField(
        "File",
        upload_to=get_build_directory,
        max_file_size=app_settings.MAX_FILE_SIZE,
        storage=app_settings.PRIVATE_STORAGE_INSTANCE,
        max_length=255,
    )
    type = models.CharField(
        blank=True,
        max_length=128,
        choices=FIRMWARE_IMAGE_TYPE_CHOICES,
        help_text=_(
            "the type of the image, left empty it is found out from the file name"
        ),
    )
    checksum = models.CharField(max_length=64, blank=True, editable=False, default="")
    size = models.BigIntegerField(null=True, editable=False)
    metadata = models.JSONField(null=True, editable=False)

    # name of the file the stored SHA-256 was taken of
    _measured_file: str | None = None

    class Meta:
        abstract = True
        verbose_name = _("Firmware Image")
        verbose_name_plural = _("Firmware Images")
        unique_together = ("build", "type")

    def __str__(self) -> str:
        try:
            build = self.build
        except ObjectDoesNotExist:
            return str(super().__str__())
        if not self.type:
            return str(super().__str__())
        return f"{build}: {self.get_type_display()}"

    @property
    def boards(self) -> Sequence[str]:
        """The boards the image fits; KeyError when its type is not known."""
        return FIRMWARE_IMAGE_MAP[self.type]["boards"]

    def clean(self) -> None:
        """Finds the type out from the file name and refuses unknown types."""
        super().clean()
        if not self.type and self.file:
            # a stored file has the folder of its build before its name
            name = self.file.name.rsplit("/", 1)[-1]
            self.type = name.split("-", 1)[-1]
        try:
            self.boards  # noqa: B018 looking it up is the check
        except KeyError as error:
            text = _(
                "Could not find boards for this type of image. Choose the type from "
                "the list or add it to OPENWISP_CUSTOM_OPENWRT_IMAGES."
            )
            raise ValidationError({"type": text}) from error

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[object]
    ) -> Image:
        """Loads a row and remembers which file its SHA-256 is of."""
        image = super().from_db(db, field_names, values)
        if "file" not in image.get_deferred_fields():
            image.__dict__["_measured_file"] = image.file.name
        return image

    def save(self, *args: object, **kwargs: object) -> None:
        """Saves the image; a new file gets its SHA-256 and size recorded."""
        if self.file and self._is_new_file():
            self._measure()
        uploaded = not self.file._committed  # noqa: SLF001 no public name
        try:
            super().save(*args, **kwargs)
        except Exception:
            # storing the file comes first: no row will ever own it
            if uploaded and self.file._committed:  # noqa: SLF001 no public name
                self._remove_file(self.file.name)
            raise
        self._measured_file = self.file.name

    def close_file(self) -> None:
        """Closes the file; it is opened again when it is read next.

        A worker that leaves this to the garbage collector keeps a descriptor per
        upgrade, with remote storages a whole copy of the image.
        """
        self.file.close()
        vars(self.file).pop("_file", None)

    def _is_new_file(self) -> bool:
        committed = self.file._committed  # noqa: SLF001 no public name
        return not committed or self.file.name != self._measured_file

    def _measure(self) -> None:
        self.metadata = None
        try:
            self.checksum, self.size = sha256_and_size(self.file)
        except OSError:
            # a storage that is away: measured when the image is used first
            self.checksum, self.size = "", None

    @classmethod
    def _remove_file(cls, file_path: str) -> bool:
        logger = import_string(f"{__package__}.logger")
        return delete_files.remove_file(cls.file.field.storage, file_path, logger)

    @classmethod
    def build_pre_delete_handler(
        cls, sender: object, instance: Build, **kwargs: object
    ) -> None:
        """Receiver: the files of a build go with it."""
        cls.schedule_firmware_file_deletion(build=instance)

    @classmethod
    def category_pre_delete_handler(
        cls, sender: object, instance: Category, **kwargs: object
    ) -> None:
        """Receiver: the files of a category's builds go with it."""
        cls.schedule_firmware_file_deletion(build__category=instance)

    @classmethod
    def organization_pre_delete_handler(
        cls, sender: object, instance: Row, **kwargs: object
    ) -> None:
        """Receiver: the files of an organization's builds go with it."""
        cls.schedule_firmware_file_deletion(build__category__organization=instance)

    @classmethod
    def schedule_firmware_file_deletion(cls, **filters: object) -> None:
        """Deletes the files of the images found by ``filters``, after commit."""
        delete_files.schedule_deletion(cls, **filters)
