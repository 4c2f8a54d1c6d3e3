"""A device moves, a category changes hands: what open sockets tell then."""

from __future__ import annotations

from unittest import mock

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.contrib.auth.models import Permission
from django.test import TransactionTestCase, tag
from swapper import load_model as load_any_model

from ..live import groups, payloads, snapshots
from ..live.publishers import BatchUpgradeProgressPublisher, publish_operation
from ..routing import get_routes
from ..swapper import load_model
from ..websockets import sockets as module
from .devices import FakeDeviceMixin
from .sockets import Socket

BASE = "ws/firmware-upgrader"
STATE = {"type": "request_current_state"}
Device = load_any_model("config", "Device")
UpgradeOperation = load_model("UpgradeOperation")


@tag("real_clock")
class TestSockets(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        device, image = self._environment()
        self.image = image
        self.org = device.organization
        self.other = self._create_org(name="other", slug="other")
        self.batch = load_model("BatchUpgradeOperation").objects.create(
            build=image.build, status="in-progress", launched=True
        )
        self.own = self._operation(device, image, batch=self.batch, log="own log")
        self.foreign = self._add("foreign", self.other)
        self.manager = self._manager("manager")
        self.opened = []

    def _add(self, name, organization):
        number = Device.objects.count() + 10
        device = self._create_device(
            name=name,
            organization=organization,
            model=self.image.boards[0],
            mac_address=f"02:00:00:00:00:{number:02x}",
        )
        return UpgradeOperation.objects.create(
            device=device, image=self.image, batch=self.batch, log=f"{name} log"
        )

    def _manager(self, name):
        user = self._create_user(
            username=name, email=f"{name}@example.org", is_staff=True
        )
        self._create_org_user(user=user, organization=self.org, is_admin=True)
        names = ("upgradeoperation", "batchupgradeoperation", "device")
        found = Permission.objects.filter(codename__in=[f"view_{n}" for n in names])
        user.user_permissions.add(*found)
        return type(user).objects.get(pk=user.pk)

    def _move(self, operation, organization):
        rows = Device.objects.filter(pk=operation.device_id)
        rows.update(organization=organization)

    async def _open(self, kind="batch-upgrade-operation", pk=None, user=None):
        path = f"{BASE}/{kind}/{pk or self.batch.pk}/"
        socket = Socket(URLRouter(get_routes()), path)
        socket.scope["user"] = user or self.manager
        connected, _code = await socket.connect()
        self.assertTrue(connected)
        self.opened.append(socket)
        return socket

    async def _close(self):
        while self.opened:
            await self.opened.pop().disconnect()

    async def _ask(self, socket, **extra):
        await socket.send_json_to({**STATE, **extra})
        return await socket.receive_json_from()

    async def _publish(self, operation):
        await sync_to_async(publish_operation)(operation)

    async def _tell_status(self):
        publisher = await sync_to_async(BatchUpgradeProgressPublisher)(self.batch.pk)
        await sync_to_async(publisher.update_batch_status)(self.batch)

    async def _hears(self, socket, *operations):
        """Publishes all operations; asserts that only these are heard of."""
        everything = [row async for row in self.batch.upgradeoperation_set.all()]
        for operation in everything:
            operation = await UpgradeOperation.objects.select_related(
                "device", "image__build__category"
            ).aget(pk=operation.pk)
            await self._publish(operation)
        # the channel layer keeps the order: what follows is the end
        group = groups.batch_group(self.batch.pk)
        message = {"type": "batch_upgrade_progress", "data": {"type": "end"}}
        await get_channel_layer().group_send(group, message)
        heard = []
        while (answer := await socket.receive_json_from())["type"] != "end":
            heard.append(answer.get("operation_id"))
        # new ones tell of themselves and of the batch before they are published here
        found = [pk for pk in dict.fromkeys(heard) if pk]
        self.assertEqual(sorted(found), sorted(str(o.pk) for o in operations))

    async def test_s4_batch_socket_of_a_moved_device(self):
        socket = await self._open()
        own = str(self.own.pk)
        both = [own, str(self.foreign.pk)]
        for extra in ({}, {"operations": both}, {"protocol": 2}):
            with self.subTest(extra=extra):
                answer = await self._ask(socket, **extra)
                self.assertEqual([o["id"] for o in answer["operations"]], [own])
                self.assertEqual(answer["batch_status"]["total"], 1)
                self.assertNotIn("foreign", str(answer))
        await self._hears(socket, self.own)
        await self._close()

    async def test_s4_batch_socket_counts_what_may_be_seen(self):
        socket = await self._open()
        rows = UpgradeOperation.objects.filter(pk=self.foreign.pk)
        await rows.aupdate(status="failed")
        await self._tell_status()
        answer = await socket.receive_json_from()
        self.assertEqual(answer["type"], "batch_status")
        self.assertEqual(answer["status"], "in-progress")
        self.assertEqual((answer["completed"], answer["total"]), (0, 1))
        self.assertEqual(answer["counts"]["failed"], 0)
        # without counts in the event there are none in what is told of it
        bare = payloads.batch_status("failed", 2, 2)
        group = groups.batch_group(self.batch.pk)
        message = {"type": "batch_upgrade_progress", "data": bare}
        await get_channel_layer().group_send(group, message)
        expected = {"type": "batch_status", "status": "failed"}
        answer = await socket.receive_json_from()
        self.assertEqual(answer, {**expected, "completed": 0, "total": 1})
        await self._close()

    async def test_s4_batch_socket_tells_ends_with_visible_numbers(self):
        with mock.patch.object(module, "LOOK_EVERY", 0.1):
            socket = await self._open()
            await self._ask(socket)
            rows = UpgradeOperation.objects.filter(batch=self.batch)
            await rows.aupdate(status="success")
            model = load_model("BatchUpgradeOperation")
            await model.objects.filter(pk=self.batch.pk).aupdate(status="success")
            answer = await socket.receive_json_from()
            self.assertEqual(answer["status"], "success")
            self.assertEqual((answer["completed"], answer["total"]), (1, 1))
            await self._close()

    async def test_s4_superusers_hear_everything(self):
        admin = await sync_to_async(self._get_admin)()
        socket = await self._open(user=admin)
        answer = await self._ask(socket)
        self.assertEqual(len(answer["operations"]), 2)
        await self._hears(socket, self.own, self.foreign)
        await self._tell_status()
        self.assertEqual((await socket.receive_json_from())["total"], 2)
        await self._close()

    async def test_s4_device_moves_while_the_batch_socket_is_open(self):
        await sync_to_async(self._move)(self.foreign, self.org)
        with mock.patch.object(module, "LOOK_EVERY", 0):
            socket = await self._open()
            await self._hears(socket, self.own, self.foreign)
            await sync_to_async(self._move)(self.foreign, self.other)
            await self._hears(socket, self.own)
            answer = await self._ask(socket)
            self.assertEqual(len(answer["operations"]), 1)
            await self._close()

    async def test_s4_operation_launched_while_the_batch_socket_is_open(self):
        socket = await self._open()
        await self._hears(socket, self.own)
        later = await sync_to_async(self._add)("later", self.org)
        await sync_to_async(self._add)("foreign-too", self.other)
        await self._hears(socket, self.own, later)
        await self._close()

    async def test_s4_other_payloads_of_foreign_operations(self):
        socket = await self._open()
        group = groups.batch_group(self.batch.pk)
        for operation in (self.foreign, self.own):
            data = {"type": "operation_update", "operation": {"id": str(operation.pk)}}
            message = {"type": "batch_upgrade_progress", "data": data}
            await get_channel_layer().group_send(group, message)
        answer = await socket.receive_json_from()
        self.assertEqual(answer["operation"]["id"], str(self.own.pk))
        await self._close()

    async def test_s4_looks_are_shared_by_the_events_of_a_moment(self):
        socket = await self._open()
        await self._hears(socket, self.own)
        with mock.patch.object(snapshots, "seen_and_hidden") as look:
            for _number in range(3):
                await self._publish(self.own)
                await socket.receive_json_from()
        look.assert_not_called()
        await self._close()

    async def test_s4_superuser_no_more_sees_managed_organizations(self):
        admin = await sync_to_async(self._manager)("boss")
        admin.is_superuser = True
        await admin.asave()
        socket = await self._open(user=admin)
        self.assertEqual(len((await self._ask(socket))["operations"]), 2)
        rows = type(admin).objects.filter(pk=admin.pk)
        await rows.aupdate(is_superuser=False)
        self.assertEqual(len((await self._ask(socket))["operations"]), 1)
        await self._hears(socket, self.own)
        await self._close()

    async def _is_closed_after(self, socket, change):
        # the regular check of everything is far away
        await sync_to_async(change)()
        event = await socket.receive_output()
        self.assertEqual(event["type"], "websocket.close")
        await self._close()

    async def test_s4_category_changes_hands_while_the_socket_is_open(self):
        category = self.image.build.category
        rows = type(category).objects.filter(pk=category.pk)
        with mock.patch.multiple(module, LOOK_EVERY=0.1, LOOKS_TO_RECHECK=10**6):
            socket = await self._open()
            await self._is_closed_after(
                socket, lambda: rows.update(organization=self.other)
            )

    async def test_s4_device_moves_while_its_sockets_are_open(self):
        cases = (("device", self.own.device_id), ("upgrade-operation", self.own.pk))
        for kind, pk in cases:
            with (
                self.subTest(kind=kind),
                mock.patch.multiple(module, LOOK_EVERY=0.1, LOOKS_TO_RECHECK=10**6),
            ):
                await sync_to_async(self._move)(self.own, self.org)
                socket = await self._open(kind, pk)
                await self._is_closed_after(
                    socket, lambda: self._move(self.own, self.other)
                )

    async def test_s4_event_is_dropped_when_nobody_can_tell_whose_it_is(self):
        socket = await self._open()
        away = OSError("away")
        with (
            mock.patch.object(snapshots, "seen_and_hidden", side_effect=away),
            self.assertLogs("openwisp_firmware_upgrader.websockets", "WARNING") as logs,
        ):
            await self._publish(self.own)
            quiet = await socket.says_nothing_until(lambda: logs.records)
        self.assertTrue(quiet)
        await self._hears(socket, self.own)
        await self._close()
