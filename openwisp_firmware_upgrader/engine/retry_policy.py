"""How often and when an upgrade is tried again."""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.utils.time import get_exponential_backoff_interval

from .. import settings as app_settings
from ..protocols import Operation

DEFAULT_RETRY_DELAY = 180
DEFAULT_BACKOFF_MAX = 600


def retry_options() -> dict[str, Any]:
    """Returns the retry options in force."""
    return dict(app_settings.RETRY_OPTIONS or {})


def retry_delay(attempts: int) -> float:
    """Returns the seconds to wait before the next attempt.

    Arguments:
        attempts: how many attempts have been retried before.
    """
    options = retry_options()
    backoff = options.get("retry_backoff", False)
    if not backoff:
        return float(options.get("default_retry_delay") or DEFAULT_RETRY_DELAY)
    return get_exponential_backoff_interval(
        factor=int(max(1.0, backoff)),
        # 2 to the power of more than this is beyond every maximum
        retries=min(attempts, 32),
        maximum=int(options.get("retry_backoff_max", DEFAULT_BACKOFF_MAX)),
        full_jitter=bool(options.get("retry_jitter", True)),
    )


def longest_retry_delay() -> float:
    """Returns the seconds that no wait for another attempt exceeds."""
    options = retry_options()
    if not options.get("retry_backoff", False):
        return retry_delay(0)
    return float(options.get("retry_backoff_max", DEFAULT_BACKOFF_MAX))


def is_recoverable(task: Task, operation: Operation) -> bool:
    """Tells whether one more attempt is allowed after this one.

    Arguments:
        task: the Celery task, whose ``max_retries`` is read at run time.
        operation: the operation, whose ``attempts`` are counted in its row.
    """
    return task.max_retries is None or operation.attempts < task.max_retries


def max_retries() -> int | None:
    """Returns how many retries are allowed, None for any number."""
    limit = retry_options().get("max_retries", 3)
    return None if limit is None else int(limit)


def task_options() -> dict[str, Any]:
    """Returns the options Celery itself must know of the task.

    ``autoretry_for`` and the like are left out: the engine decides.
    """
    options = retry_options()
    known = {"max_retries", "default_retry_delay"} & options.keys()
    return {"max_retries": 3, **{name: options[name] for name in known}}
