"""Rows of the database, as far as the engine and its pages look at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeAlias
from uuid import UUID

# of our own rows a UUID, also as text; of users whatever the project chose
PrimaryKey: TypeAlias = UUID | str | int
# what a JSON document may be
Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = dict[str, Any]
# upgrade options by their flag, such as {"c": True}
Options: TypeAlias = JsonObject


class Row(Protocol):
    """A row of any model."""

    objects: ClassVar[Any]
    DoesNotExist: ClassVar[Any]
    _meta: ClassVar[Any]
    _state: Any
    pk: Any

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Stores the whole row."""

    def delete(self, *args: Any, **kwargs: Any) -> object:
        """Deletes the row with all that belongs to it."""

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError when the row may not be stored."""

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Reads the row again."""

    def get_deferred_fields(self) -> set[str]:
        """Returns the names of the fields that were not loaded."""


class Owned(Row, Protocol):
    """A row of one organization, or of none: then it is shared."""

    organization: Any
    organization_id: Any


class User(Row, Protocol):
    """Somebody who has logged in, see openwisp-users."""

    is_active: bool
    is_authenticated: bool
    is_staff: bool
    is_superuser: bool
    # primary keys, as text
    organizations_managed: list[str]

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Returns whether the user has a permission."""

    def is_manager(self, organization: object) -> bool:
        """Returns whether the user manages an organization."""

    def is_member(self, organization: object) -> bool:
        """Returns whether the user belongs to an organization."""


class Device(Owned, Protocol):
    """A device of openwisp-controller."""

    name: str
    model: str
    os: str
    mac_address: str
    group_id: Any
    deviceconnection_set: Any
    # ObjectDoesNotExist when nothing is known of it
    devicefirmware: DeviceFirmware

    def is_deactivated(self) -> bool:
        """Returns whether nothing may be done with the device."""


class Category(Owned, Protocol):
    """A firmware category."""

    name: str


class Build(Row, Protocol):
    """A version of the firmware of a category."""

    category: Category
    category_id: Any
    version: str
    os: str
    changelog: str
    firmwareimage_set: Any

    def batch_upgrade(self, firmwareless: bool, **asked: object) -> Batch:
        """Launches a mass upgrade; ``asked`` as `create_batch` takes it."""


class Image(Row, Protocol):
    """An image of a build for some boards."""

    build: Build
    build_id: Any
    file: Any
    type: str
    checksum: str
    size: int | None
    metadata: JsonObject | None

    @property
    def boards(self) -> Iterable[str]:
        """The boards the image is for; KeyError when its type is gone."""

    def close_file(self) -> None:
        """Closes the file, if it is open."""

    @classmethod
    def _remove_file(cls, file_path: str) -> object:
        """Deletes a file by its name in the storage."""


class DeviceFirmware(Row, Protocol):
    """Which image a device runs, or should."""

    device: Device
    device_id: Any
    image: Image
    image_id: Any
    installed: bool
    # who asks for the next upgrade, and what was started for them
    requested_by: User | None
    started_operation: Operation | None

    def create_upgrade_operation(
        self, batch: Batch | None, upgrade_options: Options | None = None
    ) -> Operation:
        """Creates the operation that installs the image, and wakes a worker."""


class Batch(Row, Protocol):
    """A mass upgrade operation."""

    build: Build
    build_id: Any
    group: Any
    group_id: Any
    location: Any
    location_id: Any
    status: str
    firmwareless: bool
    launched: bool
    next_run_at: datetime | None
    created: datetime
    modified: datetime
    created_by: User | None
    created_by_id: Any
    upgrade_options: Options
    upgradeoperation_set: Any
    # set while openwisp-notifications is told of it
    organization_id: Any

    @property
    def upgrader_schema(self) -> JsonObject | None:
        """The schema of the options; None when the upgrader takes none."""

    def validate_upgrade_options(self) -> None:
        """Raises ValidationError when the upgrader refuses the options."""

    def upgrade(self, firmwareless: bool) -> None:
        """Creates its operations."""

    def upgrade_related_devices(self) -> None:
        """Creates those of devices that run firmware of the category."""

    def upgrade_firmwareless_devices(self) -> None:
        """Creates those of devices whose firmware is not known."""


class Operation(Row, Protocol):
    """An upgrade operation."""

    device: Device
    device_id: Any
    image: Image | None
    image_id: Any
    batch: Batch | None
    batch_id: Any
    status: str
    phase: str
    progress: int
    log: str
    log_times: str
    runs: int
    attempts: int
    next_run_at: datetime | None
    lease_expires_at: datetime | None
    evidence: JsonObject
    created: datetime
    modified: datetime
    created_by: User | None
    created_by_id: Any
    upgrade_options: Options
    # the ``state.run.Run`` at work on it, None without one
    run: Any

    @property
    def upgrader_schema(self) -> JsonObject | None:
        """The schema of the options; None when the upgrader takes none."""

    def validate_upgrade_options(self) -> None:
        """Raises ValidationError when the upgrader refuses the options."""

    def get_status_display(self) -> str:
        """Returns the status in words."""

    def get_phase_display(self) -> str:
        """Returns the phase in words."""

    def log_line(self, line: str, save: bool = True) -> None:
        """Appends a line to the log."""

    def update_progress(self, progress: int, save: bool = True) -> None:
        """Sets the progress in percent."""

    def upgrade(self, recoverable: bool = True) -> None:
        """Upgrades the device."""
