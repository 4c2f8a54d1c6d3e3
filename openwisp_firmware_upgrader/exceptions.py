"""What can end, suspend or postpone an upgrade.

An outcome knows the status it leads to (``status``, None: the operation does
not end) and whether the image counts as installed (``installed``).
"""

from __future__ import annotations

from .statuses import OperationStatus


class FirmwareUpgraderException(Exception):
    """Root of everything an upgrader may raise on purpose."""

    status: str | None = OperationStatus.FAILED
    installed: bool = False


class UpgradeNotNeeded(FirmwareUpgraderException):
    """The device already runs the image: nothing was flashed."""

    status = OperationStatus.SUCCESS
    installed = True


class UpgradeAborted(FirmwareUpgraderException):
    """A precondition was not met: the device was not flashed."""

    status = OperationStatus.ABORTED


class UpgradeCancelled(FirmwareUpgraderException):
    """A user cancelled the operation before the flash."""

    status = OperationStatus.CANCELLED


class UpgradeFailed(FirmwareUpgraderException):
    """The upgrade ended without success; the text is the reason."""


class FirmwareNotChanged(UpgradeFailed):
    """The device came back with the firmware it had before."""


class FlashRefused(UpgradeFailed):
    """The device refused the image when told to flash it; it is unharmed."""


class ReconnectionFailed(FirmwareUpgraderException):
    """The device never came back after the flash: gave up."""

    installed = True


class RecoverableFailure(FirmwareUpgraderException):
    """Something that may work at the next attempt; the device is unharmed.

    ``delay`` is the number of seconds until then, once that is decided.
    """

    delay: float = 0


class DeviceRebooting(FirmwareUpgraderException):
    """The image was handed to the device, which reboots: verify it later.

    ``delay`` is the number of seconds to wait before the first attempt to
    verify, None for the RECONNECT_DELAY of the upgrader.
    """

    status = None

    def __init__(self, *args: object, delay: float | None = None) -> None:
        super().__init__(*args)
        self.delay = delay


class DeviceNotReachableYet(FirmwareUpgraderException):
    """The device cannot be verified yet: try again later.

    ``final`` is the outcome that ends the operation when this was the last
    attempt, None for "gave up" (``ReconnectionFailed``).
    """

    status = None

    def __init__(
        self, *args: object, final: FirmwareUpgraderException | None = None
    ) -> None:
        super().__init__(*args)
        self.final = final


class LeaseLost(FirmwareUpgraderException):
    """Somebody else works on the operation: write nothing more and leave."""

    status = None


class TimeLimitExceeded(FirmwareUpgraderException):
    """The deadline of this half of the upgrade has passed."""


class FirmwareUpgradeOptionsException(Exception):
    """The upgrade options contradict each other.

    The argument is what ``ValidationError`` takes: a message, or a dictionary
    of field names and messages.
    """
