"""Celery tasks: each loads nothing and calls one action.

One module, because Celery derives the names that deployments route from it.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Task, shared_task
from openwisp_utils.tasks import OpenwispCeleryTask

from . import settings as app_settings
from .actions import delete_files, launch_batch, pair_device, resume_operations
from .engine import worker as running
from .engine.retry_policy import task_options
from .exceptions import RecoverableFailure
from .protocols import PrimaryKey
from .state.resilience import drop_broken_connection
from .swapper import load_model

__all__ = [
    "RecoverableFailure",
    "batch_upgrade_operation",
    "create_all_device_firmwares",
    "create_device_firmware",
    "delete_firmware_files",
    "load_model",
    "resume_upgrades",
    "upgrade_firmware",
]

logger = logging.getLogger(__name__)


class OnWorkingConnection:
    """Lets no task begin on a database connection that broke in an earlier one."""

    def before_start(self, *_args: object, **_kwargs: object) -> None:
        """Called by Celery where the task is about to run."""
        drop_broken_connection()


class WakeUp(OnWorkingConnection, Task):
    """A task whose messages are published once: the table knows the rest."""

    abstract = True

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        """Publishes without retrying, a broker that is down must not block."""
        kwargs.setdefault("retry", False)
        return super().apply_async(*args, **kwargs)


class Chore(OnWorkingConnection, OpenwispCeleryTask):
    """A task whose message is all there is of it."""

    abstract = True


@shared_task(
    bind=True,
    base=WakeUp,
    soft_time_limit=app_settings.TASK_TIMEOUT,
    **task_options(),
)
def upgrade_firmware(
    self: Task, operation_id: PrimaryKey, run: int | None = None
) -> None:
    """Runs the half an operation is in, after the proofs that are due."""
    running.work(self, operation_id, run)


@shared_task(bind=True, base=WakeUp, soft_time_limit=app_settings.TASK_TIMEOUT)
def batch_upgrade_operation(
    self: Task, batch_id: PrimaryKey, firmwareless: bool
) -> None:
    """Launches a mass upgrade."""
    launch_batch.launch_by_id(batch_id, firmwareless)


@shared_task(base=Chore, bind=True)
def create_device_firmware(self: Task, device_id: PrimaryKey) -> None:
    """Pairs a device with the image it runs."""
    pair_device.pair_device_by_id(device_id)


@shared_task(base=Chore, bind=True)
def create_all_device_firmwares(self: Task, firmware_image_id: PrimaryKey) -> None:
    """Pairs all devices that run an image with it."""
    pair_device.pair_image_by_id(firmware_image_id)


@shared_task(base=Chore)
def delete_firmware_files(files_to_delete: list[str]) -> None:
    """Deletes image files from the private storage."""
    delete_files.delete_files(files_to_delete)


@shared_task(base=WakeUp)
def resume_upgrades() -> None:
    """Goes on with operations that were left or are due."""
    resume_operations.resume_operations()
