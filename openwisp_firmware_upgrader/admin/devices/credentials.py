"""Which SSH credentials a device will have once its page is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...protocols import Device

PREFIX = "deviceconnection_set"
# more rows than any device has credentials
ROWS_LOOKED_AT = 1000


def adds_or_keeps_credentials(data: Mapping[str, str]) -> bool:
    """Tells whether a submitted device page has credentials it does not delete.

    Arguments:
        data: what was submitted.
    """
    return any(
        data.get(f"{row}-credentials")
        for row in _rows(data)
        if not data.get(f"{row}-DELETE")
    )


def removes_last_credentials(data: Mapping[str, str], device: Device) -> bool:
    """Tells whether a submitted device page deletes all credentials of a device.

    Arguments:
        data: what was submitted.
        device: the device whose page it is.
    """
    deleted = {
        data.get(f"{row}-id") for row in _rows(data) if data.get(f"{row}-DELETE")
    }
    if not deleted or adds_or_keeps_credentials(data):
        return False
    stored = device.deviceconnection_set.values_list("pk", flat=True)
    return {str(pk) for pk in stored} <= deleted


def _rows(data: Mapping[str, str]) -> Iterator[str]:
    try:
        total = int(data.get(f"{PREFIX}-TOTAL_FORMS") or 0)
    except ValueError:
        return
    for number in range(min(total, ROWS_LOOKED_AT)):
        yield f"{PREFIX}-{number}"
