from unittest import mock

from django.test import TestCase
from swapper import load_model as load_any_model

from ... import tasks
from ...api.serializers import (
    BatchUpgradeOperationListSerializer,
    BatchUpgradeOperationSerializer,
)
from ...swapper import load_model
from .base import NOWHERE, Device, TestAPIUpgraderMixin

Batch = load_model("BatchUpgradeOperation")
DeviceFirmware = load_model("DeviceFirmware")
Location = load_any_model("geo", "Location")
DeviceLocation = load_any_model("geo", "DeviceLocation")
OPERATION_KEYS = [
    "id",
    "device",
    "image",
    "status",
    "log",
    "progress",
    "modified",
    "created",
    "batch",
    "device_name",
    "image_label",
    "phase",
    "next_run_at",
    "attempts",
    "upgrade_options",
]


class TestBatchUpgradeOperationViews(TestAPIUpgraderMixin, TestCase):
    def _launch_url(self, build):
        return self._url("build_batch_upgrade", build.pk)

    def _create_location(self, organization=None, **kwargs):
        options = {"name": "Roof", "type": "outdoor", **kwargs}
        options["organization"] = organization or self.org
        return Location.objects.create(**options)

    def _list(self, *batches):
        return [
            BatchUpgradeOperationListSerializer().to_representation(batch)
            for batch in batches
        ]

    def _launched(self, env, **kwargs):
        """Returns a mass upgrade to build2, launched as a worker would."""
        batch = env["build2"].batch_upgrade(firmwareless=True, **kwargs)
        batch.upgrade(firmwareless=True)
        return batch

    # dry run

    def test_dry_run(self):
        env = self._create_upgrade_env()
        with self._nothing_changes():
            response = self._get(self._launch_url(env["build2"]), queries=10)
        self.assertEqual(
            response.data,
            {
                "device_firmwares": [
                    str(env["device_fw2"].pk),
                    str(env["device_fw1"].pk),
                ],
                "devices": [],
            },
        )
        self._send("head", self._launch_url(env["build2"]))
        self._login_operator()
        self._get(self._launch_url(env["build2"]))

    def test_dry_run_of_devices_without_firmware(self):
        env = self._create_upgrade_env(device_firmware=False)
        expected = [str(env["d2"].pk), str(env["d1"].pk)]
        for data in ({}, {"upgrade_all": "true"}, {"group": "", "location": ""}):
            response = self._get(self._launch_url(env["build2"]), **data)
            expected_data = {"device_firmwares": [], "devices": expected}
            self.assertEqual(response.data, expected_data)
        env["d1"].deactivate()
        response = self._get(self._launch_url(env["build2"]))
        self.assertEqual(response.data["devices"], [str(env["d2"].pk)])

    def test_dry_run_leaves_out_what_is_installed(self):
        env = self._create_upgrade_env()
        DeviceFirmware.objects.update(installed=True)
        url = self._launch_url(env["build1"])
        self.assertEqual(self._get(url).data, {"device_firmwares": [], "devices": []})

    def test_dry_run_by_group_and_location(self):
        env = self._create_upgrade_env()
        group, location = self._create_device_group(), self._create_location()
        Device.objects.filter(pk=env["d1"].pk).update(group=group)
        for device in (env["d1"], env["d2"]):
            DeviceLocation.objects.create(content_object=device, location=location)
        url = self._launch_url(env["build2"])
        first, second = str(env["device_fw1"].pk), str(env["device_fw2"].pk)
        for data, expected in (
            ({"group": str(group.pk)}, [first]),
            ({"location": str(location.pk)}, [second, first]),
            ({"group": str(group.pk), "location": str(location.pk)}, [first]),
        ):
            with self.subTest(data=data):
                found = self._get(url, **data).data["device_firmwares"]
                self.assertEqual(found, expected)
                self._json("post", url, data, 201)
        batch = Batch.objects.latest("created")
        self.assertEqual((batch.group, batch.location), (group, location))

    def test_invalid_selections(self):
        env = self._create_upgrade_env()
        other = self._create_org(name="org 2", slug="org-2")
        group = self._create_device_group(organization=other)
        location = self._create_location(other)
        url = self._launch_url(env["build2"])
        for field, value in (
            ("group", NOWHERE),
            ("location", NOWHERE),
            ("group", "malformed"),
            ("location", "malformed"),
            ("upgrade_all", "perhaps"),
            ("group", str(group.pk)),
            ("location", str(location.pk)),
        ):
            with self.subTest(field=field, value=value), self._nothing_changes():
                self.assertIn(field, self._get(url, 400, **{field: value}).data)
                response = self._json("post", url, {field: value}, 400)
                self.assertIn(field, response.data)

    def test_group_of_another_organization_as_superuser(self):
        env = self._create_upgrade_env()
        other = self._create_org(name="org 2", slug="org-2")
        group = self._create_device_group(organization=other)
        self._login_superuser()
        with self._nothing_changes():
            url = self._launch_url(env["build2"])
            response = self._json("post", url, {"group": str(group.pk)}, 400)
            self.assertIn("No devices found", response.data["error"])
            self.assertIn("matching", response.data["error"])
            Device.objects.filter(pk=env["d1"].pk).update(group=group)
            response = self._json("post", url, {"group": str(group.pk)}, 400)
            self.assertIn("organization", response.data["error"])

    # launch

    def test_launch(self):
        env = self._create_upgrade_env()
        url = self._launch_url(env["build2"])
        with self.captureOnCommitCallbacks() as callbacks:
            response = self._send("post", url, 201, 10)
        batch = Batch.objects.get()
        self.assertEqual(response.data, {"batch": str(batch.pk)})
        self.assertEqual((batch.status, batch.build), ("idle", env["build2"]))
        self.assertEqual(batch.upgrade_options, {})
        self.assertEqual(batch.created_by, self.administrator)
        for callback in callbacks:
            callback()
        self.sent.assert_called_once_with("batch_upgrade_operation", batch.pk, False)

    def test_launch_calls_the_task_after_commit(self):
        self.sent.side_effect = lambda name, *args: getattr(tasks, name).delay(*args)
        env = self._create_upgrade_env(device_firmware=False)
        url = self._launch_url(env["build2"])
        with (
            mock.patch.object(tasks.batch_upgrade_operation, "delay") as delay,
            self.captureOnCommitCallbacks(execute=True),
        ):
            self._send("post", url, 201, data={"upgrade_all": "true"})
            delay.assert_not_called()
        batch = Batch.objects.get()
        delay.assert_called_once_with(batch.pk, True)
        batch.upgrade(firmwareless=True)
        self.assertEqual(batch.upgradeoperation_set.count(), 2)

    def test_two_launches_without_key(self):
        url = self._launch_url(self._create_upgrade_env()["build2"])
        self._send("post", url, 201)
        self._send("post", url, 201)
        self.assertEqual(Batch.objects.count(), 2)

    def test_launch_with_nothing_to_do(self):
        url = self._launch_url(self._create_build())
        for data in ({}, {"upgrade_all": True}):
            response = self._json("post", url, data, 400)
            self.assertIn("No devices found", response.data["error"])
        self.assertFalse(Batch.objects.exists())

    def test_unknown_and_foreign_builds(self):
        env = self._create_upgrade_env()
        unknown = self._url("build_batch_upgrade", NOWHERE)
        self._get(unknown, 404, queries=4)
        self._send("post", unknown, 404, 4)
        self._login_foreign()
        with self._nothing_changes():
            self._get(self._launch_url(env["build2"]), 404)
            self._send("post", self._launch_url(env["build2"]), 404)
        self._login(None)
        self._get(self._launch_url(env["build2"]), 401, queries=0)
        self._send("post", unknown, 401, 0)

    def test_launch_needs_permission(self):
        url = self._launch_url(self._create_upgrade_env()["build2"])
        self._login_operator()
        with self._nothing_changes():
            self._send("post", url, 403)
        for name, model in (("a", "Build"), ("b", "BatchUpgradeOperation")):
            self._login_with("add", model=model, name=name)
            self._send("post", url, 201)

    def test_shared_build(self):
        category = self._get_category("Shared", organization=None)
        env = self._create_upgrade_env(category=category, device_firmware=False)
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_device_with_connection(
            name="foreign",
            mac_address="00:11:22:33:44:99",
            organization=other,
            model=env["image1a"].boards[0],
        )
        url = self._launch_url(env["build2"])
        mine = [str(env["d2"].pk), str(env["d1"].pk)]
        self.assertEqual(self._get(url).data["devices"], mine)
        with self._nothing_changes():
            self._json("post", url, {"upgrade_all": True}, 403)
        self._login_superuser()
        self.assertEqual(self._get(url).data["devices"], [str(foreign.pk), *mine])
        self._json("post", url, {}, 400)
        self._json("post", url, {"upgrade_all": True}, 201, 8)

    # batches

    def test_list(self):
        env = self._create_upgrade_env()
        first = env["build2"].batch_upgrade(firmwareless=False)
        second = env["build2"].batch_upgrade(firmwareless=False)
        url = self._url("batchupgradeoperation_list")
        response = self._get(url, queries=5)
        self.assertEqual(response.data["results"], self._list(second, first))
        self.assertEqual(
            set(response.data["results"][0]) - {"details"},
            {
                "id",
                "build",
                "created",
                "modified",
                "upgrade_options",
                "status",
                "group",
                "location",
            },
        )
        self._login_operator()
        self._get(url, queries=5)
        self._login_superuser()
        self._get(url, queries=3)
        self._get(url, queries=3, organization=self.org.slug)
        found = self._get(url, organization="other")
        self.assertEqual(found.data["results"], [])

    def test_list_does_not_grow(self):
        env = self._create_upgrade_env()
        for number in range(30):
            build = self._create_build(
                version=f"3.{number}", category=env["build2"].category
            )
            Batch.objects.create(build=build)
        url = self._url("batchupgradeoperation_list")
        self._get(url, queries=5, page_size=100)

    def test_filters(self):
        env = self._create_upgrade_env()
        first = Batch.objects.create(build=env["build1"], status="success")
        second = Batch.objects.create(build=env["build2"], status="failed")
        url = self._url("batchupgradeoperation_list")
        found = self._get(url, build=str(env["build1"].pk), queries=6)
        self.assertEqual(self._results(found), [str(first.pk)])
        found = self._get(url, status="failed")
        self.assertEqual(self._results(found), [str(second.pk)])
        self.assertEqual(self._results(self._get(url, status="idle", queries=4)), [])
        found = self._get(url, status=["failed", "success"])
        self.assertEqual(len(self._results(found)), 2)
        found = self._get(url, created=first.created.isoformat())
        self.assertEqual(self._results(found), [str(first.pk)])
        for name, value in (
            ("build", "malformed"),
            ("build", NOWHERE),
            ("status", "nonsense"),
            ("created", "yesterday"),
        ):
            self.assertIn(name, self._get(url, 400, **{name: value}).data)

    def test_detail(self):
        env = self._create_upgrade_env()
        batch = self._launched(env)
        url = self._url("batchupgradeoperation_detail", batch.pk)
        response = self._get(url, queries=11)
        batch.refresh_from_db()
        expected = BatchUpgradeOperationSerializer().to_representation(batch)
        self.assertEqual(response.data, expected)
        self.assertEqual(response.data["progress_report"], "0 out of 2")
        operations = response.data["upgradeoperations"]
        self.assertEqual([list(row) for row in operations], [OPERATION_KEYS] * 2)
        self.assertEqual({row["batch"] for row in operations}, {batch.pk})

    def test_detail_without_operations(self):
        batch = Batch.objects.create(build=self._create_build())
        url = self._url("batchupgradeoperation_detail", batch.pk)
        response = self._get(url, queries=7)
        self.assertEqual(response.data["progress_report"], "0 out of 0")
        self.assertEqual(response.data["success_rate"], 0)

    def test_rates(self):
        env = self._create_upgrade_env()
        batch = Batch.objects.create(build=env["build2"])
        for status in ("success", "failed", "in-progress"):
            self._operation(env["d1"], env["image2a"], batch=batch, status=status)
        url = self._url("batchupgradeoperation_detail", batch.pk)
        data = self._get(url).data
        self.assertEqual((data["success_rate"], data["failed_rate"]), (33, 33))
        self.assertEqual((data["aborted_rate"], data["cancelled_rate"]), (0, 0))
        self.assertEqual(data["progress_report"], "2 out of 3")

    def test_detail_does_not_grow(self):
        env = self._create_upgrade_env()
        batch = Batch.objects.create(build=env["build2"])
        url = self._url("batchupgradeoperation_detail", batch.pk)
        for number in range(30):
            image = self._create_firmware_image(
                build=self._create_build(
                    version=f"9.{number}", category=env["build2"].category
                )
            )
            self._operation(env["d1"], image, batch=batch, status="success")
        data = self._get(url, queries=7).data
        self.assertEqual(len(data["upgradeoperations"]), 30)

    def test_foreign_and_unknown(self):
        batch = Batch.objects.create(build=self._create_build())
        self._get(self._url("batchupgradeoperation_detail", NOWHERE), 404, queries=4)
        self._login_foreign()
        url = self._url("batchupgradeoperation_detail", batch.pk)
        self._get(url, 404)
        listed = self._get(self._url("batchupgradeoperation_list"))
        self.assertEqual(listed.data["results"], [])
        self._login(None)
        self._get(url, 401, queries=0)
        self._get(self._url("batchupgradeoperation_list"), 401, queries=0)

    def test_shared_batch_shows_managed_organizations_only(self):
        category = self._get_category("Shared", organization=None)
        env = self._create_upgrade_env(category=category)
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_device(
            name="foreign", mac_address="00:11:22:33:44:99", organization=other
        )
        batch = Batch.objects.create(build=env["build2"])
        mine = self._operation(env["d1"], env["image2a"], batch=batch)
        self._operation(foreign, env["image2a"], batch=batch, status="failed")
        url = self._url("batchupgradeoperation_detail", batch.pk)
        data = self._get(url).data
        shown = [row["id"] for row in data["upgradeoperations"]]
        self.assertEqual(shown, [str(mine.pk)])
        self.assertEqual(data["progress_report"], "0 out of 1")
        self.assertEqual(data["failed_rate"], 0)
        self.assertNotIn(str(foreign.pk), str(data))
        self._login_superuser()
        data = self._get(url).data
        self.assertEqual(data["progress_report"], "1 out of 2")
        self.assertEqual(data["failed_rate"], 50)

    def test_methods(self):
        batch = Batch.objects.create(build=self._create_build())
        url = self._url("batchupgradeoperation_detail", batch.pk)
        for method in ("post", "put", "patch"):
            self.assertIn("detail", self._send(method, url, 405).data)
        self._send("post", self._url("batchupgradeoperation_list"), 405)
