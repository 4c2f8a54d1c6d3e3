"""The sockets: who is let in, what they answer, what they forward."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from unittest import mock

import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import OperationalError, connection
from django.test import SimpleTestCase, TransactionTestCase, tag
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from .. import websockets
from ..live import groups, snapshots, transport
from ..live.log_cursor import Follower
from ..routing import get_routes
from ..swapper import load_model
from ..websockets import auth
from ..websockets import sockets as module
from ..websockets.single_flight import Shared
from .devices import FakeDeviceMixin
from .sockets import Socket, until

BASE = "ws/firmware-upgrader"
LOGGER = "openwisp_firmware_upgrader.websockets"
CONSUMERS = (
    websockets.UpgradeProgressConsumer,
    websockets.BatchUpgradeProgressConsumer,
    websockets.DeviceUpgradeProgressConsumer,
)


@tag("real_clock")
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
        socket = Socket(URLRouter(get_routes()), path)
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
        shown = answer["batch_status"]
        self.assertEqual({name: shown[name] for name in expected}, expected)
        self.assertEqual(answer["operations"][0]["id"], str(self.operation.pk))
        model = self.operation.device.model
        expected = {"device_model": model, "attempts": 0, "next_run_in": None}
        self.assertEqual(answer["rows"], {str(self.operation.pk): expected})
        await socket.disconnect()

    async def test_progress_of_a_batch_counts_each_percentage(self):
        rows = load_model("UpgradeOperation").objects
        values = {"batch": self.batch, "device": self.device}
        await sync_to_async(rows.filter(pk=self.operation.pk).update)(progress=20)
        await rows.acreate(status="success", **values)
        socket = await self._ask("batch")
        shown = (await socket.receive_json_from())["batch_status"]
        self.assertEqual(shown["progress"], 60)
        self.assertEqual(shown["counts"]["in-progress"], 1)
        self.assertEqual(shown["counts"]["success"], 1)
        await socket.disconnect()

    async def test_a_page_asks_for_the_operations_it_shows(self):
        request = {"type": "request_current_state"}
        own = str(self.operation.pk)
        for keys, expected in (([], []), ([own], [own]), (["x"], [own])):
            with self.subTest(keys=keys):
                socket = await self._ask("batch", {**request, "operations": keys})
                answer = await socket.receive_json_from()
                found = [row["id"] for row in answer["operations"]]
                self.assertEqual(found, expected)
                await socket.disconnect()

    async def test_phase_is_told_beside_the_operation(self):
        soon = timezone.now() + timedelta(seconds=50)
        rows = load_model("UpgradeOperation").objects.filter(pk=self.operation.pk)
        await sync_to_async(rows.update)(phase="reboot", next_run_at=soon)
        socket = await self._ask("operation")
        answer = await socket.receive_json_from()
        self.assertEqual(answer["phase"], "reboot")
        self.assertTrue(40 < answer["next_run_in"] <= 50)
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
                self.assertLogs(LOGGER, "WARNING") as logs,
            ):
                await socket.send_to(**frame)
                quiet = await socket.says_nothing_until(lambda: logs.records)
                self.assertTrue(quiet)
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

    async def test_url_without_the_argument_is_refused(self):
        admin = await sync_to_async(self._get_admin)()
        for consumer in CONSUMERS:
            for route in ({}, {"url_route": {"kwargs": {}}}):
                socket = Socket(consumer.as_asgi(), "/")
                socket.scope.update(user=admin, **route)
                with self.assertLogs(LOGGER, "ERROR"):
                    connected, _code = await socket.connect()
                self.assertFalse(connected)
                await socket.disconnect()

    def _by_hand(self, consumer, pk, user):
        socket = Socket(consumer.as_asgi(), "/")
        kwargs = {consumer.kwarg: pk}
        socket.scope.update(user=user, url_route={"kwargs": kwargs})
        return socket

    async def test_users_of_other_kinds(self):
        own = str(self.device.organization_id)
        pks = (self.operation.pk, self.batch.pk, self.device.pk)
        for consumer, pk in zip(CONSUMERS, pks, strict=True):
            user = mock.MagicMock(is_authenticated=True, is_superuser=False)
            user.is_staff = True
            user.has_perm.side_effect = lambda name: "view_" in name
            user.is_manager.side_effect = lambda organization: organization == own
            for changes, expected in (
                ({"is_staff": True}, True),
                ({"is_staff": False}, False),
                ({"is_superuser": True, "is_staff": False}, True),
                ({"is_authenticated": False, "is_superuser": True}, False),
            ):
                with self.subTest(consumer=consumer.__name__, changes=changes):
                    with mock.patch.multiple(user, **changes):
                        socket = self._by_hand(consumer, str(pk), user)
                        connected, code = await socket.connect()
                        await socket.disconnect()
                    self.assertEqual(connected, expected)
                    if not expected:
                        self.assertEqual(code, 1000)

    async def test_malformed_primary_key_is_refused(self):
        manager = await sync_to_async(self._user)("manager", self.device.organization)
        admin = await sync_to_async(self._get_admin)()
        for consumer in CONSUMERS:
            socket = self._by_hand(consumer, "no-uuid", manager)
            connected, _code = await socket.connect()
            self.assertFalse(connected)
            await socket.disconnect()
            socket = self._by_hand(consumer, "no-uuid", admin)
            await socket.connect()
            with self.assertLogs(LOGGER, "ERROR") as logs:
                await socket.send_json_to({"type": "request_current_state"})
                quiet = await socket.says_nothing_until(lambda: logs.records)
            self.assertTrue(quiet)
            await socket.disconnect()

    async def test_layer_that_cannot_be_joined_or_left(self):
        admin = await sync_to_async(self._get_admin)()
        layer = get_channel_layer()
        errors = (ConnectionError, TimeoutError, RuntimeError, OSError, AttributeError)
        errors = (*errors, redis.ConnectionError)
        for error in errors:
            with self.subTest(error=error):
                failing = mock.AsyncMock(side_effect=error("away"))
                socket = self._socket(self.paths["device"], admin)
                with (
                    mock.patch.object(layer, "group_add", failing),
                    self.assertLogs(LOGGER, "ERROR"),
                ):
                    connected, _code = await socket.connect()
                self.assertFalse(connected)
                await socket.disconnect()
                socket = self._socket(self.paths["device"], admin)
                await socket.connect()
                with (
                    mock.patch.object(layer, "group_discard", failing),
                    self.assertLogs(LOGGER, "WARNING"),
                ):
                    await socket.disconnect()

    async def test_state_that_cannot_be_read_leaves_the_socket_open(self):
        for name in self.paths:
            socket = await self._ask(name)
            await socket.receive_json_from()
            self.assertTrue(await socket.receive_nothing())
            for error in (ConnectionError, TimeoutError, RuntimeError, OSError):
                failing = mock.Mock(return_value=mock.AsyncMock(side_effect=error("x")))
                with (
                    mock.patch.object(websockets, "sync_to_async", failing),
                    self.assertLogs(LOGGER, "ERROR") as logs,
                ):
                    await socket.send_json_to({"type": "request_current_state"})
                    quiet = await socket.says_nothing_until(lambda: logs.records)
                self.assertTrue(quiet)
            await socket.send_json_to({"type": "request_current_state"})
            self.assertIn("type", await socket.receive_json_from())
            await socket.disconnect()

    async def test_seam_of_the_device_state(self):
        admin = await sync_to_async(self._get_admin)()
        socket = self._socket(self.paths["device"], admin)
        await socket.connect()
        rows = [{"id": "1", "modified": datetime(2026, 1, 31)}, {"id": "2"}]

        async def answer():
            return rows

        with mock.patch.object(websockets, "sync_to_async", lambda function: answer):
            await socket.send_json_to({"type": "request_current_state"})
            answers = [await socket.receive_json_from() for _row in rows]
        self.assertEqual([a["operation"]["id"] for a in answers], ["1", "2"])
        self.assertEqual({a["type"] for a in answers}, {"operation_update"})
        await socket.disconnect()

    async def test_seam_of_the_logger(self):
        admin = await sync_to_async(self._get_admin)()
        socket = self._socket(self.paths["operation"], admin)
        await socket.connect()
        with mock.patch.object(websockets, "logger") as logger:
            await socket.send_json_to({"type": "unknown"})
            warned = logger.warning
            quiet = await socket.says_nothing_until(lambda: warned.called)
        self.assertTrue(quiet)
        logger.warning.assert_called()
        await socket.disconnect()

    def test_publishing_goes_through_one_function(self):
        layer = get_channel_layer()
        with (
            mock.patch.object(transport, "run_coroutine_safely") as run,
            mock.patch.object(layer, "group_send") as group_send,
        ):
            self.operation.save()
            self.operation.log_line("silent")
            self.operation.cancel()
        self.assertGreater(run.call_count, 3)
        group_send.assert_not_called()

    async def test_publishing_inside_of_a_loop(self):
        sent = []

        async def send(group, message):
            await asyncio.sleep(0.01)
            sent.append(group)

        publisher = websockets.BatchUpgradeProgressPublisher(self.batch.pk)
        publisher.channel_layer = mock.Mock(group_send=send)
        publisher.publish_batch_status("success", 1, 1)
        self.assertEqual(sent, [])
        await asyncio.sleep(0.1)
        self.assertEqual(sent, [groups.batch_group(self.batch.pk)])
        done = []

        async def note():
            done.append(1)

        websockets._run_coroutine_safely(note())
        websockets._run_coroutine_safely(note)
        await until(lambda: len(done) == 2)
        self.assertEqual(done, [1, 1])

    def test_groups_of_texts_and_uuids(self):
        pk = self.operation.pk
        for group in (groups.operation_group, groups.batch_group, groups.device_group):
            name = group(pk)
            self.assertEqual({group(str(pk)), group(str(pk).upper())}, {name})
            self.assertIn(str(pk), name)

    async def test_whoever_is_revoked_without_asking_is_disconnected(self):
        manager = await sync_to_async(self._user)("manager", self.device.organization)
        with mock.patch.multiple(module, LOOK_EVERY=0.05, LOOKS_TO_RECHECK=2):
            sockets = {}
            for name, path in self.paths.items():
                sockets[name] = self._socket(path, manager)
                connected, _code = await sockets[name].connect()
                self.assertTrue(connected)
            self.assertTrue(await sockets["device"].receive_nothing(0.3))
            await sync_to_async(type(manager).objects.filter(pk=manager.pk).update)(
                is_active=False
            )
            for socket in sockets.values():
                event = await socket.receive_output()
                self.assertEqual(event["type"], "websocket.close")
                await socket.disconnect()
        self.assertLessEqual(module.LOOK_EVERY * module.LOOKS_TO_RECHECK, 60)

    async def test_database_that_is_away_does_not_end_the_checks(self):
        admin = await sync_to_async(self._get_admin)()
        with mock.patch.multiple(module, LOOK_EVERY=0.05, LOOKS_TO_RECHECK=1):
            socket = self._socket(self.paths["batch"], admin)
            await socket.connect()
            with (
                mock.patch.object(auth, "refreshed", side_effect=OperationalError),
                self.assertLogs(LOGGER, "WARNING") as logs,
            ):
                quiet = await socket.says_nothing_until(lambda: logs.records, 0.3)
            self.assertTrue(quiet)
            await sync_to_async(type(admin).objects.filter(pk=admin.pk).delete)()
            event = await socket.receive_output()
            self.assertEqual(event["type"], "websocket.close")
            await socket.disconnect()

    async def test_end_that_was_lost_on_the_way_is_told(self):
        for name, model in (("operation", self.operation), ("batch", self.batch)):
            with mock.patch.object(module, "LOOK_EVERY", 0.1):
                socket = await self._ask(name)
                await socket.receive_json_from()
                # an UPDATE publishes nothing, like an event that is dropped
                rows = type(model).objects.filter(pk=model.pk)
                await sync_to_async(rows.update)(status="failed")
                answer = await socket.receive_json_from()
                told = answer.get("operation", answer)
                self.assertEqual(told["status"], "failed")
                self.assertTrue(await socket.receive_nothing(0.3))
                await socket.disconnect()

    async def test_one_line_of_a_batch_is_one_message(self):
        admin = await sync_to_async(self._get_admin)()
        socket = self._socket(self.paths["operation"], admin)
        await socket.connect()
        await sync_to_async(self.operation.log_line)("one")
        answer = await socket.receive_json_from()
        self.assertEqual(answer["operation"]["log"], "one")
        self.assertTrue(await socket.receive_nothing(0.2))
        await socket.disconnect()


class TestSharedAnswers(SimpleTestCase):
    """Answers made once for all who ask at the same moment."""

    async def test_no_answer_is_older_than_its_request(self):
        shared, made, may_end = Shared(), [], asyncio.Event()

        async def make():
            made.append(len(made))
            number = made[-1]
            await may_end.wait()
            return number

        first = [asyncio.create_task(shared.get("x", make)) for _n in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.assertEqual(made, [0])
        # the first answer is being made already: these ask for what comes after it
        later = [asyncio.create_task(shared.get("x", make)) for _n in range(3)]
        other = asyncio.create_task(shared.get("y", make))
        await asyncio.sleep(0)
        later[0].cancel()
        may_end.set()
        self.assertEqual(await asyncio.gather(*first), [0, 0, 0])
        self.assertEqual(await asyncio.gather(*later[1:]), [2, 2])
        self.assertEqual(await other, 1)
        self.assertEqual((shared._waiting, shared._locks), ({}, {}))

    async def test_error_reaches_everybody_and_does_not_stay(self):
        shared = Shared()

        async def fail():
            raise OSError("away")

        async def make():
            return "here"

        found = await asyncio.gather(
            *(shared.get("x", fail) for _n in range(2)), return_exceptions=True
        )
        self.assertEqual([str(error) for error in found], ["away", "away"])
        self.assertEqual(await shared.get("x", make), "here")


@tag("real_clock")
class TestProtocol2(FakeDeviceMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        self.device, self.image = self._environment()
        self.operation = self._operation(self.device, self.image)

    async def _open(self, kind="upgrade-operation", pk=None, **request):
        admin = await sync_to_async(self._get_admin)()
        path = f"{BASE}/{kind}/{pk or self.operation.pk}/"
        socket = Socket(URLRouter(get_routes()), path)
        socket.scope["user"] = admin
        await socket.connect()
        await self._request(socket, **request)
        return socket

    async def _request(self, socket, **request):
        content = {"type": "request_current_state", "protocol": 2, **request}
        await socket.send_json_to(content)

    async def _heard(self, socket):
        """Returns the messages until a pause; the first one may take its time."""
        found, patience = [], 10
        while not await socket.receive_nothing(patience):
            found.append(await socket.receive_json_from())
            patience = 0.5
        return found

    async def _lines(self, socket):
        heard = await self._heard(socket)
        return [(m["seq"], m["line"]) for m in heard if m["type"] == "log_line"]

    async def _log(self, *lines):
        for line in lines:
            await sync_to_async(self.operation.log_line)(line)

    async def test_lines_come_one_by_one(self):
        await self._log("one", "two")
        socket = await self._open()
        first, second, state = await self._heard(socket)
        self.assertEqual((first["seq"], first["line"]), (1, "one"))
        self.assertEqual((second["seq"], second["line"]), (2, "two"))
        self.assertEqual(first["operation_id"], str(self.operation.pk))
        self.assertEqual(state["type"], "operation_update")
        self.assertEqual(state["operation"]["last_seq"], 2)
        self.assertNotIn("log", state["operation"])
        await self._log("three")
        (line,) = await self._heard(socket)
        self.assertEqual((line["seq"], line["line"]), (3, "three"))
        self.assertEqual({m["protocol"] for m in (first, state, line)}, {2})
        await sync_to_async(self.operation.cancel)()
        *lines, state = await self._heard(socket)
        self.assertEqual(len(lines), 1)
        self.assertEqual(state["operation"]["status"], "cancelled")
        await socket.disconnect()

    async def test_resuming(self):
        await self._log("one", "two", "of\ntwo lines", "", "end")
        expected = list(enumerate(["one", "two", "of", "two lines", "", "end"], 1))
        for after, first in ((0, 0), (2, 2), (6, 6), (7, 0), (-1, 0), ("x", 0)):
            with self.subTest(after=after):
                socket = await self._open(after_seq=after)
                self.assertEqual(await self._lines(socket), expected[first:])
                await socket.disconnect()

    async def test_joined_lines_are_the_log(self):
        socket = await self._open()
        await self._log("ünïcödé 🐧", "\n starts oddly", "tab\tand\r", "", "x" * 20_000)
        lines = [line for _seq, line in await self._lines(socket)]
        await sync_to_async(self.operation.refresh_from_db)()
        self.assertEqual("\n".join(lines), self.operation.log)
        await socket.disconnect()

    async def test_lines_of_somebody_else_are_in_their_place(self):
        socket = await self._open()
        other = await type(self.operation).objects.aget(pk=self.operation.pk)
        await self._log("mine")
        await sync_to_async(other.log_line)("theirs")
        await self._log("mine again")
        lines = [line for _seq, line in await self._lines(socket)]
        self.assertEqual(lines, ["mine", "theirs", "mine again"])
        await socket.disconnect()

    async def test_log_that_was_replaced_starts_over(self):
        await self._log("one", "two")
        socket = await self._open()
        await self._heard(socket)
        rows = type(self.operation).objects.filter(pk=self.operation.pk)
        await sync_to_async(rows.update)(log="")
        await self._log("n", "l")
        lines = await self._lines(socket)
        await self._log("more")
        lines += await self._lines(socket)
        self.assertEqual(lines[-1], (3, "more"))
        self.assertEqual([line for _seq, line in lines], ["n", "l", "more"])
        await socket.disconnect()

    async def test_client_that_goes_back_to_the_first_protocol(self):
        socket = await self._open()
        await self._heard(socket)
        await socket.send_json_to({"type": "request_current_state"})
        (answer,) = await self._heard(socket)
        self.assertEqual(answer["operation"]["log"], "")
        await self._log("whole")
        (answer,) = await self._heard(socket)
        self.assertEqual(answer["operation"]["log"], "whole")
        await socket.disconnect()

    async def test_other_protocols_are_the_first(self):
        for protocol in (1, 3, True, "2", None, 2.0):
            socket = await self._open(protocol=protocol)
            (answer,) = await self._heard(socket)
            self.assertIn("log", answer["operation"], protocol)
            await socket.disconnect()

    async def test_lost_event_costs_a_moment_only(self):
        with mock.patch.object(module, "LOOK_EVERY", 0.1):
            socket = await self._open()
            await self._heard(socket)
            rows = type(self.operation).objects.filter(pk=self.operation.pk)
            await sync_to_async(rows.update)(log="silent")
            self.assertEqual(await self._lines(socket), [(1, "silent")])
            await socket.disconnect()

    async def test_one_line_costs_the_same_whatever_the_length_of_the_log(self):
        def cost(follower):
            self.operation.log_line("y" * 50)
            with CaptureQueriesContext(connection) as queries:
                messages = follower.news()
            return len(queries), len(messages), len(str(messages))

        def costs():
            follower = Follower(self.operation.pk)
            follower.news()
            short = cost(follower)
            for _number in range(40):
                self.operation.log_line("x" * 10_000)
            follower.news()
            return short, cost(follower)

        short, long = await sync_to_async(costs)()
        self.assertEqual(short[:2], (1, 1))
        self.assertEqual(long[:2], (1, 1))
        self.assertLess(abs(short[2] - long[2]), 10)

    async def test_database_that_is_away_loses_no_line(self):
        with mock.patch.object(module, "LOOK_EVERY", 0.3):
            socket = await self._open()
            await self._heard(socket)
            with (
                mock.patch.object(Follower, "_row", side_effect=OperationalError),
                self.assertLogs(LOGGER, "WARNING") as logs,
            ):
                await self._log("one")
                quiet = await socket.says_nothing_until(lambda: logs.records, 0.2)
            self.assertTrue(quiet)
            self.assertEqual(await self._lines(socket), [(1, "one")])
            await socket.disconnect()

    async def test_pages_of_a_batch(self):
        batch = await load_model("BatchUpgradeOperation").objects.acreate(
            build=self.image.build, status="in-progress"
        )
        model = load_model("UpgradeOperation")
        for number in range(5):
            await model.objects.acreate(
                device=self.device, batch=batch, status="failed", log=f"log {number}"
            )
        kind, pk, seen = "batch-upgrade-operation", batch.pk, []
        for page, count in ((1, 2), (2, 2), (3, 1), (4, 0)):
            socket = await self._open(kind, pk, page=page, page_size=2)
            (answer,) = await self._heard(socket)
            await socket.disconnect()
            self.assertEqual(answer["type"], "batch_state")
            self.assertEqual((answer["page"], answer["pages"]), (page, 3))
            self.assertEqual(answer["batch_status"]["total"], 5)
            self.assertEqual(len(answer["operations"]), count)
            seen += answer["operations"]
        self.assertEqual(len({row["id"] for row in seen}), 5)
        self.assertEqual(seen[0]["device_name"], self.device.name)
        self.assertNotIn("log", seen[0])
        for odd in ({"page": "x"}, {"page": -1}, {"page_size": 10**9}, {"page": True}):
            socket = await self._open(kind, pk, **odd)
            (answer,) = await self._heard(socket)
            self.assertEqual((answer["page"], answer["page_size"]), (1, 100), odd)
            await socket.disconnect()

    async def test_page_of_a_batch_costs_the_same_with_more_operations(self):
        batch = await load_model("BatchUpgradeOperation").objects.acreate(
            build=self.image.build
        )

        def count(rows):
            model = load_model("UpgradeOperation")
            model.objects.bulk_create(
                model(device=self.device, batch=batch, status="failed")
                for _number in range(rows)
            )
            with CaptureQueriesContext(connection) as queries:
                snapshots.batch_page(batch.pk, 1, 100)
            return len(queries)

        self.assertEqual(await sync_to_async(count)(1), await sync_to_async(count)(30))

    async def test_operations_of_a_device(self):
        await self._log("first")
        socket = await self._open("device", self.device.pk)
        self.assertEqual(await self._lines(socket), [(1, "first")])
        await self._log("second")
        self.assertEqual(await self._lines(socket), [(2, "second")])
        model = load_model("UpgradeOperation")
        later = await model.objects.acreate(device=self.device)
        await sync_to_async(later.log_line)("of another")
        heard = await self._heard(socket)
        self.assertEqual({m.get("operation_id") for m in heard[:1]}, {str(later.pk)})
        await socket.disconnect()
        after = {str(self.operation.pk): 1, "odd": "x"}
        socket = await self._open("device", self.device.pk, after_seq=after)
        self.assertEqual(await self._lines(socket), [(1, "of another"), (2, "second")])
        await socket.disconnect()

    async def test_other_events_are_forwarded(self):
        socket = await self._open()
        await self._heard(socket)
        publisher = websockets.UpgradeProgressPublisher(
            self.device.pk, self.operation.pk
        )
        await sync_to_async(publisher.publish_error)("broken")
        (answer,) = await self._heard(socket)
        self.assertEqual(answer["message"], "broken")
        await socket.disconnect()
