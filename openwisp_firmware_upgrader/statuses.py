"""The state machine of upgrade operations, written down once.

Status is what people see, phase is what the engine is doing. Every other
module imports the names, groups and legal moves from here.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class OperationStatus(models.TextChoices):
    """What an operator sees of one upgrade operation."""

    IN_PROGRESS = "in-progress", _("in progress")
    SUCCESS = "success", _("success")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    ABORTED = "aborted", _("aborted")


class BatchStatus(models.TextChoices):
    """What an operator sees of a mass upgrade operation."""

    IDLE = "idle", _("idle")
    IN_PROGRESS = "in-progress", _("in progress")
    SUCCESS = "success", _("completed successfully")
    FAILED = "failed", _("completed with some failures")
    CANCELLED = "cancelled", _("completed with some cancellations")


class Phase(models.TextChoices):
    """What the engine is doing with an operation; kept in the row."""

    QUEUED = "queued", _("queued")
    PREFLIGHT = "preflight", _("checking the device")
    UPLOAD = "upload", _("uploading the image")
    IMAGE_TEST = "image_test", _("testing the image on the device")
    FLASH = "flash", _("flashing")
    REBOOT = "reboot", _("rebooting")
    VERIFY = "verify", _("verifying")
    DONE = "done", _("done")


FINISHED = frozenset(OperationStatus) - {OperationStatus.IN_PROGRESS}

# nothing leaves a finished state
MOVES = {OperationStatus.IN_PROGRESS: FINISHED}

# the image has not been handed to sysupgrade: the half may start over
FIRST_HALF = frozenset({Phase.QUEUED, Phase.PREFLIGHT, Phase.UPLOAD, Phase.IMAGE_TEST})

# the device may have been flashed: only the proof may go on
SECOND_HALF = frozenset({Phase.FLASH, Phase.REBOOT, Phase.VERIFY})

# nobody holds a worker slot or a connection in these
WAITING = frozenset({Phase.QUEUED, Phase.REBOOT})

# a batch whose operations have all ended
BATCH_FINISHED = frozenset(
    {BatchStatus.SUCCESS, BatchStatus.FAILED, BatchStatus.CANCELLED}
)


def sources(to: str) -> frozenset[OperationStatus]:
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
