"""How an upgrade has to end under each fault: one table for tests and demo."""

from __future__ import annotations

from dataclasses import dataclass

from .filesystem import TMP


@dataclass(frozen=True)
class Expectation:
    """The end of an upgrade.

    ``status`` is that of the operation, ``installed`` that of DeviceFirmware,
    ``flashes`` what the ledger of the fleet must say. ``log_contains`` is in
    the log of the operation, in any case of letters. ``also`` names facts a
    test checks besides:

    - ``tmp_clean``: no uploaded file is left on the device
    - ``marker_written``: the checksum marker equals the image
    - ``services_running``: every service runs again
    - ``one_command``: the device got exactly one command
    - ``retried``: more than one upload was begun
    - ``all_retries``: as many uploads as attempts were allowed
    - ``progress_moves``: progress was seen between 20 and 60
    - ``noticed_within_15s``: the dead link was given up within 15 s
    - ``slot_free_within_15s``: the worker was free again within 15 s
    - ``connection_flagged``: the connection is stored as not working
    - ``same_release``: the device runs what it ran before
    - ``new_release``: the device runs what the image carries
    """

    status: str
    installed: bool
    flashes: int
    log_contains: str | None = None
    also: tuple[str, ...] = ()


_PROVEN = ("tmp_clean", "marker_written", "services_running", "new_release")
_UNTOUCHED = ("tmp_clean", "services_running", "same_release")


def _success(*also: str) -> Expectation:
    return Expectation("success", True, 1, also=_PROVEN + also)


#: The expected end by name of the fault (`faults.FAULTS`).
EXPECTED: dict[str, Expectation] = {
    "none": _success(),
    "wrong_uuid": Expectation(
        "aborted", False, 0, "mismatch", (*_UNTOUCHED, "one_command")
    ),
    "low_memory": Expectation("aborted", False, 0, "memory", _UNTOUCHED),
    "no_wifi_command": _success(),
    "full_tmp": Expectation("aborted", False, 0, TMP, _UNTOUCHED),
    "bad_image": Expectation("aborted", False, 0, "Image check", _UNTOUCHED),
    "truncated_upload": Expectation(
        "failed", False, 0, None, (*_UNTOUCHED, "all_retries")
    ),
    "dropped_upload_once": _success("retried"),
    "slow_link": _success("progress_moves"),
    "link_down_in_upload": _success("retried", "noticed_within_15s"),
    "link_down_after_flash": _success("slot_free_within_15s"),
    "scp_never_exits": _success(),
    "no_final_answer": _success(),
    "refuses": Expectation("failed", False, 0, "Firmware image is broken", _UNTOUCHED),
    "hang_in_sysupgrade": Expectation(
        "failed", False, 0, "did not reboot", ("same_release",)
    ),
    "never_reboots": Expectation(
        "failed", False, 0, "did not reboot", ("same_release",)
    ),
    "never_back": Expectation("failed", True, 1, "giving up", ("connection_flagged",)),
    "back_with_old_firmware": Expectation(
        "failed", False, 1, "old firmware", ("same_release",)
    ),
    "back_at_other_address": Expectation("failed", True, 1, "giving up"),
    "back_at_other_address_reported": _success(),
}
