"""The state machine of upgrade operations, written down once.

Status is what people see, phase is what the engine is doing. Every other
module imports the names, groups and legal moves from here.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


def choice(value: str, label: Any) -> str:
    """Returns what ``TextChoices`` make a member of, for type checkers a text."""
    return value, label  # type: ignore[return-value]


class OperationStatus(models.TextChoices):
    """What an operator sees of one upgrade operation."""

    IN_PROGRESS = choice("in-progress", _("in progress"))
    SUCCESS = choice("success", _("success"))
    FAILED = choice("failed", _("failed"))
    CANCELLED = choice("cancelled", _("cancelled"))
    ABORTED = choice("aborted", _("aborted"))


class BatchStatus(models.TextChoices):
    """What an operator sees of a mass upgrade operation."""

    IDLE = choice("idle", _("idle"))
    IN_PROGRESS = choice("in-progress", _("in progress"))
    SUCCESS = choice("success", _("completed successfully"))
    FAILED = choice("failed", _("completed with some failures"))
    CANCELLED = choice("cancelled", _("completed with some cancellations"))


class Phase(models.TextChoices):
    """What the engine is doing with an operation; kept in the row."""

    QUEUED = choice("queued", _("queued"))
    PREFLIGHT = choice("preflight", _("checking the device"))
    UPLOAD = choice("upload", _("uploading the image"))
    IMAGE_TEST = choice("image_test", _("testing the image on the device"))
    FLASH = choice("flash", _("flashing"))
    REBOOT = choice("reboot", _("rebooting"))
    VERIFY = choice("verify", _("verifying"))
    DONE = choice("done", _("done"))


FINISHED = frozenset(OperationStatus) - {OperationStatus.IN_PROGRESS}

# nothing leaves a finished state
MOVES = {OperationStatus.IN_PROGRESS: FINISHED}

# the image has not been handed to sysupgrade: the half may start over
FIRST_HALF = frozenset({Phase.QUEUED, Phase.PREFLIGHT, Phase.UPLOAD, Phase.IMAGE_TEST})

# the device may have been flashed: only the proof may go on
SECOND_HALF = frozenset({Phase.FLASH, Phase.REBOOT, Phase.VERIFY})

# the visits to the device are what ``attempts`` counts, not the attempts to flash it
VISITED = frozenset({Phase.REBOOT, Phase.VERIFY})

# nobody holds a worker slot or a connection in these
WAITING = frozenset({Phase.QUEUED, Phase.REBOOT})

# a batch whose operations have all ended
BATCH_FINISHED = frozenset(
    {BatchStatus.SUCCESS, BatchStatus.FAILED, BatchStatus.CANCELLED}
)


def sources(to: str) -> frozenset[str]:
    """Returns the statuses from which an operation may move to ``to``."""
    return frozenset(start for start, ends in MOVES.items() if to in ends)


class UpgradeProgress:
    """Percentages at which an operation reports its milestones."""

    CONNECTION_SUCCESS = 10
    DEVICE_VERIFIED = 15
    CHECKSUM_VERIFIED = 20
    UPLOADED = 60
    REFLASHING = 65
    RECONNECTED = 90
    COMPLETE = 100
    CANCELLATION_THRESHOLD = REFLASHING
