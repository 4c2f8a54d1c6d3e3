"""Database errors are never the outcome of an upgrade."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

from ..exceptions import LeaseLost
from .clock import nap

logger = logging.getLogger(__name__)

# what a database raises that cannot be reached; all else it says is about the data
LOST = (OperationalError, InterfaceError)
PATIENCE = 10
PAUSE = 0.5

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def steadily(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Repeats a write of a worker while the database cannot be reached.

    The function must be safe to repeat. After ten seconds LeaseLost is raised:
    the worker leaves, and whoever finds the expired lease goes on. Inside a
    transaction the error is raised as it is, since the transaction is lost.
    """

    @wraps(function)
    def repeat(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return function(*args, **kwargs)
            except LOST as error:
                if connection.in_atomic_block:
                    raise
                connection.close()
                if time.monotonic() > end:
                    raise LeaseLost(str(error)) from error
                logger.warning("The database does not answer, trying again: %s", error)
                nap(PAUSE)

    return repeat


def drop_broken_connection() -> None:
    """Closes a connection that does not work any more, before a task needs it.

    With ``CELERY_DB_REUSE_MAX`` Celery keeps a connection for that many tasks,
    also after the server has gone: every one of them would fail.
    """
    if connection.in_atomic_block or not connection.errors_occurred:
        return
    if connection.is_usable():
        connection.errors_occurred = False
    else:
        connection.close()
