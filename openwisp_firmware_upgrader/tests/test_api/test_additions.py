"""What the REST API has beyond 1.3.1: options, keys, summaries, retries."""

from unittest import mock

from django.db import connection
from django.test import TestCase, tag
from django.test.utils import CaptureQueriesContext
from swapper import load_model as load_any_model

from ...swapper import load_model
from ..test_launch import FleetMixin
from .base import NOWHERE, Device, TestAPIUpgraderMixin

Batch = load_model("BatchUpgradeOperation")
DeviceFirmware = load_model("DeviceFirmware")
UpgradeOperation = load_model("UpgradeOperation")
DeviceConnection = load_any_model("connection", "DeviceConnection")


class TestLaunchAdditions(TestAPIUpgraderMixin, TestCase):
    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.url = self._url("build_batch_upgrade", self.env["build2"].pk)

    def _launch(self, code=201, key=None, url=None, **data):
        headers = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
        return self._json("post", url or self.url, data, code, **headers)

    def test_options(self):
        response = self._launch(upgrade_options={"n": True})
        batch = Batch.objects.get(pk=response.data["batch"])
        self.assertEqual(batch.upgrade_options, {"n": True})
        batch.upgrade(firmwareless=False)
        for row in self._get(self._url("upgradeoperation_list")).data["results"]:
            self.assertEqual(row["upgrade_options"], {"n": True})
        form = {"upgrade_options": '{"c": true}'}
        response = self._send("post", self.url, 201, data=form)
        batch = Batch.objects.get(pk=response.data["batch"])
        self.assertEqual(batch.upgrade_options, {"c": True})

    def test_invalid_options(self):
        for options in (
            {"nonsense": True},
            {"n": True, "c": True},
            [1],
            "text",
            None,
            {"a\x00": 1},
        ):
            with self.subTest(options=options), self._nothing_changes():
                response = self._launch(400, upgrade_options=options)
                self.assertEqual(list(response.data), ["upgrade_options"])

    def test_the_same_key_launches_once(self):
        first = self._launch(key="one")
        again = self._launch(key="one")
        self.assertEqual(first.data, again.data)
        self.assertEqual(Batch.objects.count(), 1)
        other = self._launch(key="two")
        self.assertNotEqual(first.data, other.data)

    def test_the_same_key_for_something_else(self):
        first = self._launch(key="one")
        group = self._create_device_group()
        Device.objects.update(group=group)
        url = self._url("build_batch_upgrade", self.env["build1"].pk)
        with self._nothing_changes():
            for response in (
                self._launch(422, key="one", upgrade_all=True),
                self._launch(422, key="one", group=str(group.pk)),
                self._launch(422, key="one", upgrade_options={"n": True}),
                self._launch(422, key="one", url=url),
            ):
                self.assertEqual(list(response.data), ["error"])
        self.assertEqual(self._launch(key="one").data, first.data)

    def test_the_answer_stays_when_everything_is_upgraded(self):
        first = self._launch(key="one")
        DeviceFirmware.objects.update(image=self.env["image2a"], installed=True)
        self._launch(400)
        self.assertEqual(self._launch(key="one").data, first.data)

    def test_keys_belong_to_users(self):
        first = self._launch(key="one")
        second = self._create_administrator(
            [self.org], username="second", email="second@example.org"
        )
        self._login(second)
        self.assertNotEqual(self._launch(key="one").data, first.data)

    def test_a_failed_launch_keeps_no_key(self):
        DeviceFirmware.objects.update(installed=True)
        url = self._url("build_batch_upgrade", self.env["build1"].pk)
        self._launch(400, key="one", url=url)
        DeviceFirmware.objects.update(installed=False)
        self._launch(key="one", url=url)

    def test_two_launches_with_one_key_at_once(self):
        from ...actions import launch_once

        first = self._launch(key="one")
        find, calls = launch_once._find, []

        def late(*args):
            calls.append(args)
            return find(*args) if len(calls) > 1 else None

        with mock.patch.object(launch_once, "_find", late):
            self.assertEqual(self._launch(key="one").data, first.data)
        self.assertEqual(Batch.objects.count(), 1)

    def test_bad_keys(self):
        for key in ("x" * 256, "tab\tkey"):
            with self._nothing_changes():
                response = self._launch(400, key=key)
                self.assertEqual(list(response.data), ["Idempotency-Key"])
        self._launch(key="x" * 255)
        self._launch(key="")


class TestSummary(FleetMixin, TestAPIUpgraderMixin, TestCase):
    def _summary(self, build, queries=12, **data):
        url = self._url("build_batch_upgrade", build.pk)
        return self._get(url, queries=queries, summary="true", **data).data

    def test_counts(self):
        build, devices = self._many(6)
        devices[0].deviceconnection_set.all().delete()
        self._operation(devices[1])
        image = self._create_firmware_image(
            build=self._create_build(version="0.1b"), type=self.TPLINK_4300_IL_IMAGE
        )
        DeviceFirmware.objects.filter(device=devices[2]).update(image=image)
        DeviceFirmware.objects.filter(device=devices[3]).delete()
        target = build.firmwareimage_set.get()
        data = self._summary(build)
        self.assertEqual(
            data["summary"],
            {
                "total": 5,
                "device_firmwares": 5,
                "devices": 1,
                "image_types": [
                    {
                        "type": target.type,
                        "label": target.get_type_display(),
                        "image": str(target.pk),
                        "devices": 4,
                    }
                ],
                "without_credentials": 1,
                "without_matching_image": 1,
                "already_running": 1,
                "would_upgrade": 2,
            },
        )
        self.assertEqual(data["count"], 5)
        problems = {row["device"]: row["problem"] for row in data["results"]}
        self.assertEqual(problems[str(devices[0].pk)], "no_credentials")
        self.assertEqual(problems[str(devices[1].pk)], "already_running")
        self.assertEqual(problems[str(devices[2].pk)], "no_matching_image")
        self.assertIsNone(problems[str(devices[4].pk)])
        data = self._summary(build, upgrade_all="true")
        self.assertEqual((data["count"], data["summary"]["would_upgrade"]), (6, 3))
        row = next(r for r in data["results"] if r["device"] == str(devices[3].pk))
        self.assertEqual(
            row,
            {
                "device": str(devices[3].pk),
                "name": devices[3].name,
                "mac_address": devices[3].mac_address,
                "device_firmware": None,
                "image_type": target.type,
                "image": str(target.pk),
                "problem": None,
            },
        )
        batch = build.batch_upgrade(firmwareless=True)
        batch.upgrade(firmwareless=True)
        started = batch.upgradeoperation_set.filter(status="in-progress")
        self.assertEqual(started.count(), 3)

    def test_pages(self):
        build, devices = self._many(7)
        DeviceFirmware.objects.filter(device__in=devices[:3]).delete()
        found = []
        for page in (1, 2, 3):
            data = self._summary(build, upgrade_all="true", page=page, page_size=3)
            self.assertEqual(data["count"], 7)
            found += [row["device"] for row in data["results"]]
        self.assertEqual(len(found), 7)
        self.assertEqual(set(found), {str(device.pk) for device in devices})
        self.assertIsNone(data["next"])
        url = self._url("build_batch_upgrade", build.pk)
        self._get(url, 404, summary="true", page=9)

    def test_of_a_build_without_images(self):
        data = self._summary(self._create_build(), upgrade_all="true")
        self.assertEqual(data["summary"]["total"], 0)
        self.assertEqual(data["results"], [])

    def test_shared_builds_count_managed_organizations_only(self):
        build, devices = self._many(3)
        type(build.category).objects.update(organization=None)
        other = self._create_org(name="org 2", slug="org-2")
        Device.objects.filter(pk=devices[0].pk).update(organization=other)
        data = self._summary(build)
        self.assertEqual(data["summary"]["total"], 2)
        self.assertNotIn(str(devices[0].pk), str(data))
        self._login_superuser()
        self.assertEqual(self._summary(build)["summary"]["total"], 3)

    @tag("heavy")
    def test_ten_thousand_devices(self):
        build, _devices = self._many(10000)
        url = self._url("build_batch_upgrade", build.pk)
        response = self._get(url, queries=12)
        self.assertEqual(len(response.data["device_firmwares"]), 10000)
        data = self._summary(build, queries=12, upgrade_all="true")
        self.assertEqual(data["summary"]["would_upgrade"], 10000)
        self.assertEqual(len(data["results"]), 10)


class TestBatchActions(TestAPIUpgraderMixin, TestCase):
    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.batch = self.env["build2"].batch_upgrade(firmwareless=False)
        self.batch.upgrade(firmwareless=False)

    def _batch_url(self, action="", batch=None):
        name = f"batchupgradeoperation_{action}"
        return self._url(name, getattr(batch or self.batch, "pk", batch))

    def _end(self, status="failed"):
        ended = {"status": status, "phase": "done", "next_run_at": None}
        self.batch.upgradeoperation_set.update(**ended)
        self.batch.calculate_and_update_status()

    def test_cancel(self):
        first = self.batch.upgradeoperation_set.first()
        UpgradeOperation.objects.filter(pk=first.pk).update(phase="flash", progress=65)
        response = self._send("post", self._batch_url("cancel"))
        self.assertEqual(response.data, {"cancelled": 1, "going_on": 1})
        statuses = self.batch.upgradeoperation_set.values_list("status", flat=True)
        self.assertEqual(sorted(statuses), ["cancelled", "in-progress"])
        response = self._send("post", self._batch_url("cancel"), 409)
        self.assertIn("reflashing", response.data["error"])

    def test_retry(self):
        self._end()
        response = self._send("post", self._batch_url("retry"), 201)
        retried = Batch.objects.get(pk=response.data["batch"])
        self.assertEqual(retried.created_by, self.administrator)
        self.assertEqual(retried.upgradeoperation_set.count(), 2)
        response = self._send("post", self._batch_url("retry", retried), 409)
        self.assertIn("error", response.data)

    def test_delete(self):
        url = self._batch_url("detail")
        with self._nothing_changes():
            self.assertIn("error", self._send("delete", url, 409).data)
        self._end()
        self._send("delete", url, 204)
        self.assertFalse(Batch.objects.exists())
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_operations(self):
        operation = self.batch.upgradeoperation_set.first()
        detail = self._url("upgradeoperation_detail", operation.pk)
        retry = self._url("upgradeoperation_retry", operation.pk)
        with self._nothing_changes():
            self._send("delete", detail, 409)
            self.assertIn("error", self._send("post", retry, 409).data)
        self._end()
        response = self._send("post", retry, 201)
        created = UpgradeOperation.objects.get(
            pk=response.data["upgrade_operation"]["id"]
        )
        self.assertEqual(str(created.batch_id), response.data["batch"])
        self.assertEqual(created.device, operation.device)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "failed")
        self._send("delete", detail, 204)
        self._get(detail, 404)

    def _actions(self, batch, operation):
        return (
            ("post", self._batch_url("cancel", batch)),
            ("post", self._batch_url("retry", batch)),
            ("delete", self._batch_url("detail", batch)),
            ("post", self._url("upgradeoperation_retry", operation)),
            ("delete", self._url("upgradeoperation_detail", operation)),
        )

    def test_sealed_off(self):
        self._end()
        operation = self.batch.upgradeoperation_set.first().pk
        with self._nothing_changes():
            for method, url in self._actions(NOWHERE, NOWHERE):
                self._send(method, url, 404)
            for method, url in self._actions(None, operation):
                self._send(method, f"{url}?organization=other", 404)
            self._login_foreign()
            for method, url in self._actions(None, operation):
                self._send(method, url, 404)
            self._login_operator()
            for method, url in self._actions(None, operation):
                self._send(method, url, 403)
            self._login_member()
            for method, url in self._actions(None, operation):
                self._send(method, url, 403)
            self._login(None)
            for method, url in self._actions(None, operation):
                self._send(method, url, 401, 0)

    def test_shared_batches_are_for_superusers(self):
        self._end()
        type(self.env["category"]).objects.update(organization=None)
        with self._nothing_changes():
            self._send("post", self._batch_url("cancel"), 403)
            self._send("post", self._batch_url("retry"), 403)
            self._send("delete", self._batch_url("detail"), 403)
        self._login_superuser()
        self._send("post", self._batch_url("retry"), 201)

    def test_permissions(self):
        self._login_with("change", model="BatchUpgradeOperation", name="a")
        self._send("post", self._batch_url("retry"), 403)
        self._send("post", self._batch_url("cancel"), 200)
        self._login_with("add", model="BatchUpgradeOperation", name="b")
        self._send("post", self._batch_url("cancel"), 403)
        self._send("post", self._batch_url("retry"), 201)
        operation = self.batch.upgradeoperation_set.last()
        url = self._url("upgradeoperation_retry", operation.pk)
        self._login_with("change", model="UpgradeOperation", name="c")
        self._send("post", url, 403)

    def test_queries_of_a_batch_do_not_grow(self):
        for number in range(30):
            device = self._create_device(
                name=f"more{number}", mac_address=f"00:22:33:44:55:{number:02x}"
            )
            self._operation(device, self.env["image2a"], batch=self.batch)
        with CaptureQueriesContext(connection) as queries:
            self._send("post", self._batch_url("cancel"))
        self.assertLessEqual(len(queries), 20)
        with CaptureQueriesContext(connection) as queries:
            self._send("post", self._batch_url("retry"), 201)
        self.assertLessEqual(len(queries), 30)
