"""What the parts of the upgrader expect of the whole; only declarations."""

from __future__ import annotations

from typing import Any

from ...protocols import DeviceConnection, Operation
from ...state.run import Run


class Part:
    """One concern of the OpenWrt upgrader, which inherits all of them."""

    upgrade_operation: Operation
    connection: DeviceConnection

    CHECKSUM_FILE: str
    REMOTE_UPLOAD_DIR: str
    RECONNECT_DELAY: float

    connect: Any
    disconnect: Any
    exec_command: Any
    log: Any
    get_flags: Any
    check_memory: Any
    _engine_run: Run
    _ask: Any
    _measure: Any
    _note_expected: Any
    _read_boot_id: Any
    _read_release: Any
