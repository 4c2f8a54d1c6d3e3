"""The one place that publishes Celery messages.

The table is the queue, a message is a wake-up: losing one costs time, never an
operation. A broker that is down is logged and fails nobody's request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from amqp.exceptions import ChannelError, NotFound
from celery import Task, bootsteps, current_app
from django.db import transaction
from django.utils.module_loading import import_string

from ..protocols import PrimaryKey
from .leases import tick_seconds

logger = logging.getLogger(__name__)

TASKS = "openwisp_firmware_upgrader.tasks"
# Redis gives an unacknowledged message to another worker after an hour
LONGEST_COUNTDOWN = 600


def task(name: str) -> Task:
    """Returns the task ``name`` of this app, by name because tasks stand above."""
    return import_string(f"{TASKS}.{name}")


def send(name: str, *args: object) -> bool:
    """Publishes a message for the task ``name``.

    Returns False, after logging why, when the broker did not take it.
    """
    return _publish(partial(task(name).delay, *args))


def _publish(publish: Callable[[], object]) -> bool:
    if current_app.conf.task_always_eager:
        # the task runs here and now: what it raises is its own
        publish()
        return True
    try:
        publish()
    except Exception:  # noqa: BLE001 each broker library raises errors of its own
        logger.warning("The broker did not take a message", exc_info=True)
        return False
    return True


def upgrade(
    pk: PrimaryKey, run: int, delay: float = 0, expires: float | None = None
) -> bool:
    """Wakes a worker for one operation, ``delay`` seconds from now.

    Longer waits than ten minutes are left to the table. A wake-up that still
    stands in the queue after ``expires`` seconds is void.
    """
    if delay > LONGEST_COUNTDOWN:
        return True
    wake = task("upgrade_firmware").apply_async
    when = {"countdown": delay or None, "expires": expires}
    return _publish(partial(wake, args=(str(pk), run), **when))


def upgrade_on_commit(pk: PrimaryKey) -> None:
    """Wakes a worker for a new operation once its row is committed."""
    transaction.on_commit(partial(send, "upgrade_firmware", pk))


def upgrade_many_on_commit(pks: Iterable[PrimaryKey]) -> None:
    """Wakes workers for new operations once their rows are committed."""
    transaction.on_commit(partial(upgrade_many, list(pks)))


def upgrade_many(pks: Iterable[PrimaryKey]) -> None:
    """Wakes workers for new operations; stops at the first failure."""
    for pk in pks:
        if not send("upgrade_firmware", pk):
            return


def batch_on_commit(
    batch_pk: PrimaryKey, firmwareless: bool, if_lost: Callable[[], object]
) -> None:
    """Wakes a worker that launches a mass upgrade once it is committed.

    Arguments:
        batch_pk: primary key of the mass upgrade.
        firmwareless: whether to include devices whose firmware is not known.
        if_lost: called when the broker did not take the message.
    """

    def wake() -> None:
        if not send("batch_upgrade_operation", batch_pk, firmwareless):
            if_lost()

    transaction.on_commit(wake)


def queue_is_empty() -> bool:
    """Tells whether the broker holds no wake-up for operations.

    False also when the broker does not say.
    """
    if current_app.conf.task_always_eager:
        return False
    try:
        name = f"{TASKS}.upgrade_firmware"
        queue = current_app.amqp.router.route({}, name)["queue"].name
        with current_app.connection_for_read() as broker:
            found = broker.default_channel.queue_declare(queue, passive=True)
    except ChannelError as error:
        # Redis keeps no empty lists: it knows no such queue then
        return str(error.reply_code) == str(NotFound.code)
    except Exception:  # noqa: BLE001 each broker library raises errors of its own
        logger.info("The length of the queue is not known", exc_info=True)
        return False
    return found.message_count == 0


class Ticking(bootsteps.StartStopStep):
    """Lets a worker publish ``resume_upgrades`` when it starts and at each tick.

    A step of the consumer, since it clears its timer whenever it loses the
    broker, and starts all of its steps again when the broker is back.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        """Called by Celery."""
        super().__init__(parent, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """Begins to tick."""
        seconds = tick_seconds()
        publish_resume(seconds)
        tick = parent.timer.call_repeatedly
        self._timer = tick(seconds, publish_resume, (seconds,))

    def stop(self, parent: Any) -> None:
        """Ends ticking, until the broker is back or for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def publish_resume(seconds: float) -> None:
    """Publishes one scan for lost and due operations, void after its tick."""
    wake = task("resume_upgrades").apply_async
    _publish(partial(wake, expires=max(seconds, 5)))
