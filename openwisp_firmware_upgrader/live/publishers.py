"""Who sends which event to which groups."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, cast

from channels.layers import get_channel_layer
from django.db import transaction

from ..protocols import Batch, Operation, PrimaryKey, Row
from ..state.settle_batch import settle_batch
from ..statuses import FINISHED
from . import groups, payloads, throttle, transport

BATCH_STATUS_EVERY = 1.0


class Publisher:
    """Sends payloads to groups of the channel layer.

    Arguments:
        waits: whether a send is over when the call returns.
    """

    def __init__(self, waits: bool = True) -> None:
        self.channel_layer = get_channel_layer()
        self.waits = waits

    def send(self, group: str, kind: str, data: Mapping[str, Any]) -> None:
        """Sends one payload; does nothing without a channel layer."""
        if self.channel_layer is None:
            return
        message = {"type": kind, "data": data}
        deliver = partial(self.channel_layer.group_send, group, message)
        transport.run_coroutine_safely(deliver, waits=self.waits)


class UpgradeProgressPublisher(Publisher):
    """Tells the pages of an operation and of its device what happens."""

    def __init__(
        self,
        device_id: PrimaryKey,
        operation_id: PrimaryKey | None = None,
        waits: bool = True,
    ) -> None:
        super().__init__(waits)
        self.device_group_name = groups.device_group(device_id)
        if operation_id:
            self.operation_group_name = groups.operation_group(operation_id)

    def publish_progress(self, data: Mapping[str, Any]) -> None:
        """Sends a payload to the device's group, then to the operation's."""
        data = payloads.stamped(data)
        self.send(self.device_group_name, "send_update", data)
        if hasattr(self, "operation_group_name"):
            self.send(self.operation_group_name, "upgrade_progress", data)

    def publish_operation_update(self, operation_data: Mapping[str, Any]) -> None:
        """Sends an operation as the REST API shows it."""
        self.publish_progress(payloads.operation_update(operation_data))

    def publish_error(self, error_message: str) -> None:
        """Sends an error message."""
        self.publish_progress(payloads.error(error_message))

    @classmethod
    def handle_upgrade_operation_post_save(
        cls,
        sender: type[Row],
        instance: Operation,
        created: bool = False,
        **kwargs: object,
    ) -> None:
        """Receiver: tells about an operation that was saved, once committed."""
        if kwargs.get("raw") or (created and not instance.batch_id):
            return
        if not kwargs.get("live", True):
            return
        by_engine = bool(kwargs.get("by_engine"))
        transaction.on_commit(
            partial(operation_saved, instance, by_engine), robust=True
        )


class BatchUpgradeProgressPublisher(Publisher):
    """Tells the page of a mass upgrade what happens."""

    def __init__(self, batch_id: PrimaryKey, waits: bool = True) -> None:
        super().__init__(waits)
        self.group_name = groups.batch_group(batch_id)

    def publish_progress(self, data: Mapping[str, Any]) -> None:
        """Sends a payload to the group of the batch."""
        self.send(self.group_name, "batch_upgrade_progress", payloads.stamped(data))

    def publish_operation_progress(
        self,
        operation_id: PrimaryKey,
        status: str,
        progress: int,
        modified: datetime | None = None,
        device_info: Mapping[str, Any] | None = None,
    ) -> None:
        """Sends how far one operation has come, see ``events``."""
        self.publish_progress(
            payloads.operation_progress(
                operation_id, status, progress, modified, device_info
            )
        )

    def publish_batch_status(
        self,
        status: str,
        completed: int,
        total: int,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Sends how many operations have ended, see ``events``."""
        self.publish_progress(payloads.batch_status(status, completed, total, counts))

    def update_batch_status(self, batch: Batch) -> None:
        """Stores what the operations of a batch amount to, and sends it."""
        status, counts = settle_batch(batch)
        self.publish_batch_status(
            status, counts["completed"], counts["total_operations"], counts
        )

    @classmethod
    def handle_batch_upgrade_operation_saved(
        cls, sender: type[Row], instance: Batch, created: bool = False, **kwargs: object
    ) -> None:
        """Receiver: tells about a batch that was saved again, once committed."""
        if not created and not kwargs.get("raw"):
            transaction.on_commit(partial(batch_saved, instance), robust=True)


def publish_operation(operation: Operation, waits: bool = True) -> None:
    """Sends an operation to its page, its device's page and its batch's page."""
    publisher = UpgradeProgressPublisher(operation.device_id, operation.pk, waits)
    if publisher.channel_layer is None:
        return
    data = payloads.operation_data(operation)
    publisher.publish_progress(payloads.operation_update(data, operation))
    if operation.batch_id:
        BatchUpgradeProgressPublisher(
            operation.batch_id, waits
        ).publish_operation_progress(
            operation.pk,
            operation.status,
            operation.progress,
            operation.modified,
            payloads.device_info(operation),
        )


def operation_saved(operation: Operation, by_engine: bool = False) -> None:
    """Sends an operation that was saved and how far that brings its batch.

    Arguments:
        operation: the operation.
        by_engine: the engine moves thousands: it never waits and counts a
            batch's operations at their ends only, once per second at most.
    """
    publish_operation(operation, waits=not by_engine)
    if operation.batch_id and (not by_engine or _is_time_to_count(operation)):
        publisher = BatchUpgradeProgressPublisher(operation.batch_id, not by_engine)
        publisher.update_batch_status(cast("Batch", operation.batch))


def _is_time_to_count(operation: Operation) -> bool:
    key = f"batch-{operation.batch_id}"
    return operation.status in FINISHED and throttle.allows(key, BATCH_STATUS_EVERY)


def batch_saved(batch: Batch) -> None:
    """Sends how far a batch has come."""
    BatchUpgradeProgressPublisher(batch.pk).update_batch_status(batch)
