"""What browsers hear of an upgrade, and that nobody fails for it."""

from __future__ import annotations

import asyncio
from unittest import mock

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.test import TransactionTestCase, tag

from .. import websockets
from ..live import groups, payloads, publishers, throttle
from ..swapper import load_model
from .devices import FakeDeviceMixin, reached

OPERATION_KEYS = {
    "id",
    "device",
    "image",
    "status",
    "log",
    "progress",
    "modified",
    "created",
}


class Ear:
    """Joins groups of the channel layer and hears what is sent."""

    def __init__(self, *names):
        self.layer = get_channel_layer()
        async_to_sync(self._join)(names)

    async def _join(self, names):
        self.channel = await self.layer.new_channel()
        for name in names:
            await self.layer.group_add(name, self.channel)

    def heard(self):
        """Returns the messages since the last call."""
        return async_to_sync(self._heard)()

    async def _heard(self):
        found = []
        while True:
            try:
                found.append(
                    await asyncio.wait_for(self.layer.receive(self.channel), 0.05)
                )
            except asyncio.TimeoutError:
                return found


@tag("real_clock")
class TestLiveEvents(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        throttle._last.clear()
        self.device, self.image = self._environment()

    def _types(self, messages):
        return [message["data"]["type"] for message in messages]

    def test_creation_without_batch_is_silent(self):
        ear = Ear(groups.device_group(self.device.pk))
        self._operation(self.device, self.image)
        self.assertEqual(ear.heard(), [])

    def test_one_log_line_is_one_update_on_each_page(self):
        operation = self._operation(self.device, self.image)
        page = Ear(groups.operation_group(operation.pk))
        device = Ear(groups.device_group(self.device.pk))
        operation.log_line("hello")
        (message,) = page.heard()
        self.assertEqual(message["type"], "upgrade_progress")
        data = message["data"]
        self.assertEqual(data["type"], "operation_update")
        self.assertIn("timestamp", data)
        self.assertEqual(set(data["operation"]), OPERATION_KEYS)
        self.assertEqual(data["operation"]["log"], "hello")
        self.assertEqual(data["operation"]["id"], str(operation.pk))
        (message,) = device.heard()
        self.assertEqual(message["type"], "send_update")

    def test_batch_page_hears_progress_and_status(self):
        batch = load_model("BatchUpgradeOperation").objects.create(
            build=self.image.build, status="in-progress"
        )
        ear = Ear(groups.batch_group(batch.pk))
        operation = self._operation(self.device, self.image, batch=batch)
        heard = ear.heard()
        self.assertEqual(self._types(heard)[0], "operation_progress")
        self.assertIn("batch_status", self._types(heard))
        progress = heard[0]["data"]
        self.assertEqual(progress["device_id"], str(self.device.pk))
        self.assertEqual(progress["device_name"], self.device.name)
        self.assertEqual(progress["image_name"], str(self.image))
        status = next(m["data"] for m in heard if m["data"]["type"] == "batch_status")
        self.assertEqual((status["completed"], status["total"]), (0, 1))
        operation.cancel()
        last = ear.heard()[-1]["data"]
        self.assertEqual(last["status"], "cancelled")

    def test_cancel_is_told_once(self):
        operation = self._operation(self.device, self.image)
        ear = Ear(groups.operation_group(operation.pk))
        operation.cancel()
        (message,) = ear.heard()
        self.assertEqual(message["data"]["operation"]["status"], "cancelled")

    def test_deleted_image_is_null(self):
        operation = self._operation(self.device, self.image)
        operation.image = None
        self.assertIsNone(payloads.operation_data(operation)["image"])

    def test_long_log_is_sent_as_its_tail(self):
        operation = self._operation(self.device, self.image)
        operation.log = "x" * 20_000 + "end"
        data = payloads.operation_data(operation)
        self.assertEqual(len(data["log"]), payloads.LOG_LIMIT)
        self.assertTrue(data["log"].endswith("end"))
        self.assertEqual(data["log_length"], 20_003)

    def test_progress_is_told_twice_a_second_at_most(self):
        operation = self._operation(self.device, self.image)
        ear = Ear(groups.operation_group(operation.pk))
        for progress in range(20, 40):
            operation.update_progress(progress)
        self.assertLessEqual(len(ear.heard()), 2)

    def test_last_event_of_an_upgrade_is_its_end(self):
        operation = self._operation(self.device, self.image)
        ear = Ear(groups.operation_group(operation.pk))
        with reached(self._fake(self.device)):
            operation.upgrade()
        heard = [message["data"]["operation"] for message in ear.heard()]
        self.assertEqual(heard[-1]["status"], "success")
        self.assertEqual(heard[-1]["progress"], 100)
        shown = [operation["progress"] for operation in heard]
        self.assertEqual(shown, sorted(shown))

    def test_layer_that_fails_fails_nobody(self):
        operation = self._operation(self.device, self.image)
        for error in (OSError, ConnectionError, RuntimeError, ValueError):
            with self.subTest(error=error):
                layer = mock.Mock()
                layer.group_send = mock.AsyncMock(side_effect=error("down"))
                with (
                    mock.patch.object(
                        publishers, "get_channel_layer", return_value=layer
                    ),
                    self.assertLogs("openwisp_firmware_upgrader", "WARNING"),
                ):
                    operation.log_line("still stored")
        operation.refresh_from_db()
        self.assertEqual(operation.log.count("still stored"), 4)

    def test_no_channel_layer_fails_nobody(self):
        operation = self._operation(self.device, self.image)
        with mock.patch.object(publishers, "get_channel_layer", lambda: None):
            operation.log_line("stored")
            operation.save()
        operation.refresh_from_db()
        self.assertIn("stored", operation.log)

    def test_publishers_send_positionally_and_to_the_device_first(self):
        publisher = websockets.UpgradeProgressPublisher(self.device.pk, "a-b")
        publisher.channel_layer = mock.Mock()
        publisher.channel_layer.group_send = mock.AsyncMock()
        publisher.publish_error("broken")
        calls = publisher.channel_layer.group_send.await_args_list
        self.assertEqual(
            [call.args[0] for call in calls],
            [
                publisher.device_group_name,
                publisher.operation_group_name,
            ],
        )
        self.assertEqual(calls[0].args[1]["data"]["message"], "broken")
        alone = websockets.UpgradeProgressPublisher(self.device.pk)
        self.assertFalse(hasattr(alone, "operation_group_name"))
