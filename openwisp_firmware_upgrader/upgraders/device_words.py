"""What paramiko logs in the words of a device."""

from __future__ import annotations

import logging
import threading

import paramiko

from ..foreign_text import inline

LENGTH = 1000
LINES = 200


class DeviceWords(logging.Filter):
    """Keeps devices from writing lines of their own, or too many, into the log.

    Banners, reasons to disconnect and unknown messages are logged by the thread of
    a connection as they come; that thread gets 200 lines above ``DEBUG``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._of_thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Makes a record one that can be shown; tells whether it is logged."""
        record.msg, record.args = inline(record.getMessage(), LENGTH), ()
        is_connection = isinstance(threading.current_thread(), paramiko.Transport)
        if not is_connection or record.levelno <= logging.DEBUG:
            return True
        self._of_thread.lines = getattr(self._of_thread, "lines", 0) + 1
        return bool(self._of_thread.lines <= LINES)


def install() -> None:
    """Filters the logger of all connections of this process, once."""
    logger = logging.getLogger("paramiko.transport")
    if not any(isinstance(each, DeviceWords) for each in logger.filters):
        logger.addFilter(DeviceWords())
