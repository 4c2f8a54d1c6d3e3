"""The sockets: who is let in, what they answer, what they forward."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, Permission
from django.test import TransactionTestCase

from ..routing import get_routes
from ..swapper import load_model
from ..websockets import groups
from .devices import FakeDeviceMixin

BASE = "ws/firmware-upgrader"


class TestFirmwareUpgradeSockets(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        self.device, image = self._environment()
        self.batch = load_model("BatchUpgradeOperation").objects.create(
            build=image.build, status="in-progress"
        )
        self.operation = self._operation(self.device, image, batch=self.batch)
        self.paths = {
            "operation": f"{BASE}/upgrade-operation/{self.operation.pk}/",
            "batch": f"{BASE}/batch-upgrade-operation/{self.batch.pk}/",
            "device": f"{BASE}/device/{self.device.pk}/",
        }

    def _socket(self, path, user):
        socket = WebsocketCommunicator(URLRouter(get_routes()), path)
        socket.scope["user"] = user
        return socket

    def _permit(self, user):
        names = ("upgradeoperation", "batchupgradeoperation", "device")
        found = Permission.objects.filter(codename__in=[f"view_{n}" for n in names])
        user.user_permissions.add(*found)
        return type(user).objects.get(pk=user.pk)

    def _user(self, name, organization=None, staff=True, permitted=True, admin=True):
        user = self._create_user(
            username=name, email=f"{name}@example.org", is_staff=staff
        )
        if organization is not None:
            self._create_org_user(user=user, organization=organization, is_admin=admin)
        return self._permit(user) if permitted else user

    async def _connects(self, path, user):
        socket = self._socket(path, user)
        connected, _code = await socket.connect()
        await socket.disconnect()
        return connected

    async def _everywhere(self, user):
        return {
            name: await self._connects(path, user) for name, path in self.paths.items()
        }

    async def test_those_who_may_listen(self):
        everywhere = dict.fromkeys(self.paths, True)
        admin = await sync_to_async(self._get_admin)()
        self.assertEqual(await self._everywhere(admin), everywhere)
        manager = await sync_to_async(self._user)("manager", self.device.organization)
        self.assertEqual(await self._everywhere(manager), everywhere)

    async def test_those_who_may_not(self):
        nowhere = dict.fromkeys(self.paths, False)
        own = self.device.organization
        other = await sync_to_async(self._create_org)(name="other", slug="other")
        make = sync_to_async(self._user)
        users = {
            "anonymous": AnonymousUser(),
            "nobody": None,
            "foreign": await make("foreign", other),
            "member": await make("member", own, admin=False),
            "no staff": await make("nostaff", own, staff=False),
            "no permission": await make("nopermission", own, permitted=False),
        }
        for name, user in users.items():
            with self.subTest(user=name):
                self.assertEqual(await self._everywhere(user), nowhere)

    async def test_batch_of_a_shared_build_is_for_superusers(self):
        category = self.batch.build.category
        manager = await sync_to_async(self._user)("manager", self.device.organization)
        await sync_to_async(type(category).objects.filter(pk=category.pk).update)(
            organization=None
        )
        self.assertFalse(await self._connects(self.paths["batch"], manager))
        admin = await sync_to_async(self._get_admin)()
        self.assertTrue(await self._connects(self.paths["batch"], admin))

    async def _ask(self, name, message=None):
        admin = await sync_to_async(self._get_admin)()
        socket = self._socket(self.paths[name], admin)
        await socket.connect()
        await socket.send_json_to(message or {"type": "request_current_state"})
        return socket

    async def test_state_of_an_operation(self):
        await sync_to_async(self.operation.log_line)("x" * 10_000)
        await sync_to_async(self.operation.log_line)("y" * 10_000)
        socket = await self._ask("operation")
        answer = await socket.receive_json_from()
        self.assertEqual(answer["type"], "operation_update")
        self.assertIn("timestamp", answer)
        # the state has the whole log, whatever its length
        self.assertEqual(len(answer["operation"]["log"]), 20_001)
        self.assertTrue(await socket.receive_nothing())
        await socket.disconnect()

    async def test_state_of_a_batch(self):
        socket = await self._ask("batch")
        answer = await socket.receive_json_from()
        self.assertEqual(answer["type"], "batch_state")
        expected = {"status": "in-progress", "completed": 0, "total": 1}
        self.assertEqual(answer["batch_status"], expected)
        self.assertEqual(answer["operations"][0]["id"], str(self.operation.pk))
        await socket.disconnect()

    async def test_state_of_a_device_is_its_last_five_operations(self):
        make = load_model("UpgradeOperation").objects.acreate
        for _number in range(6):
            await make(device=self.device, status="failed")
        socket = await self._ask("device")
        answers = [await socket.receive_json_from() for _number in range(5)]
        self.assertTrue(await socket.receive_nothing())
        self.assertNotIn("created", answers[0]["operation"])
        moments = [answer["operation"]["modified"] for answer in answers]
        self.assertEqual(moments, sorted(moments, reverse=True))
        await socket.disconnect()

    async def test_odd_frames_are_ignored_with_a_warning(self):
        admin = await sync_to_async(self._get_admin)()
        socket = self._socket(self.paths["operation"], admin)
        await socket.connect()
        frames = ({"text_data": t} for t in ("{", "[]", '"x"', '{"type": "odd"}', "{}"))
        for frame in [*frames, {"bytes_data": b"\x00\x01"}]:
            with (
                self.subTest(frame=frame),
                self.assertLogs("openwisp_firmware_upgrader.websockets", "WARNING"),
            ):
                await socket.send_to(**frame)
                self.assertTrue(await socket.receive_nothing())
        await socket.send_json_to({"type": "request_current_state"})
        answer = await socket.receive_json_from()
        self.assertEqual(answer["type"], "operation_update")
        await socket.disconnect()

    async def test_payloads_are_forwarded_unchanged(self):
        cases = {
            "operation": (
                groups.operation_group(self.operation.pk),
                "upgrade_progress",
            ),
            "batch": (groups.batch_group(self.batch.pk), "batch_upgrade_progress"),
            "device": (groups.device_group(self.device.pk), "send_update"),
        }
        admin = await sync_to_async(self._get_admin)()
        payload = {"type": "invented", "list": [1, None, True, {"a": "b"}]}
        for name, (group, kind) in cases.items():
            with self.subTest(socket=name):
                sockets = [self._socket(self.paths[name], admin) for _ in range(2)]
                for socket in sockets:
                    await socket.connect()
                message = {"type": kind, "data": payload}
                await get_channel_layer().group_send(group, message)
                for socket in sockets:
                    self.assertEqual(await socket.receive_json_from(), payload)
                    await socket.disconnect()

    async def test_revoked_user_is_disconnected(self):
        manager = await sync_to_async(self._user)("manager", self.device.organization)
        socket = self._socket(self.paths["device"], manager)
        connected, _code = await socket.connect()
        self.assertTrue(connected)
        await sync_to_async(manager.user_permissions.clear)()
        await socket.send_json_to({"type": "request_current_state"})
        event = await socket.receive_output()
        self.assertEqual(event["type"], "websocket.close")
        await socket.disconnect()

    async def test_unknown_object_is_silent_for_superusers(self):
        admin = await sync_to_async(self._get_admin)()
        path = self.paths["operation"].replace(
            str(self.operation.pk), str(self.device.pk)
        )
        socket = self._socket(path, admin)
        connected, _code = await socket.connect()
        self.assertTrue(connected)
        await socket.send_json_to({"type": "request_current_state"})
        self.assertTrue(await socket.receive_nothing())
        await socket.disconnect()
