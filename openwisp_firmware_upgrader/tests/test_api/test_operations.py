from unittest import mock

from django.test import TestCase
from swapper import load_model as load_any_model

from ...api.serializers import (
    DeviceUpgradeOperationSerializer,
    UpgradeOperationSerializer,
)
from ...swapper import load_model
from .base import NOWHERE, Device, TestAPIUpgraderMixin

UpgradeOperation = load_model("UpgradeOperation")
Batch = load_model("BatchUpgradeOperation")
Location = load_any_model("geo", "Location")
DeviceLocation = load_any_model("geo", "DeviceLocation")


class OperationsMixin(TestAPIUpgraderMixin):
    """One operation of the organization, one of another one."""

    def setUp(self):
        super().setUp()
        self.env = self._create_upgrade_env()
        self.operation = self._operation(self.env["d1"], self.env["image2a"])
        self.other = self._create_org(name="org 2", slug="org-2")
        self.foreign_device = self._create_device(
            name="foreign", mac_address="00:11:22:33:44:99", organization=self.other
        )
        self.foreign = self._operation(self.foreign_device)


class TestUpgradeOperationViews(OperationsMixin, TestCase):
    def _serialized(self, *rows):
        return [UpgradeOperationSerializer().to_representation(row) for row in rows]

    def test_list(self):
        second = self._operation(self.env["d2"], self.env["image2b"])
        url = self._url("upgradeoperation_list")
        response = self._get(url, queries=5)
        self.assertEqual(
            response.data["results"], self._serialized(second, self.operation)
        )
        self._login_operator()
        self._get(url, queries=5)
        self._login_superuser()
        response = self._get(url, queries=3)
        self.assertEqual(
            response.data["results"],
            self._serialized(second, self.foreign, self.operation),
        )
        UpgradeOperation.objects.all().delete()
        self.assertEqual(self._get(url).data["results"], [])

    def test_list_does_not_grow(self):
        url = self._url("upgradeoperation_list")
        for number in range(30):
            build = self._create_build(
                version=f"7.{number}", category=self.env["build1"].category
            )
            device = self._create_device(
                name=f"more{number}", mac_address=f"00:22:33:44:55:{number:02x}"
            )
            batch = Batch.objects.create(build=build)
            image = self._create_firmware_image(build=build)
            self._operation(device, image, batch=batch)
        self._get(url, queries=5, page_size=100)

    def test_filters_of_superusers(self):
        self._login_superuser()
        UpgradeOperation.objects.filter(pk=self.operation.pk).update(status="failed")
        url = self._url("upgradeoperation_list")
        for filters, queries in (
            ({"device__organization": str(self.org.pk)}, 4),
            ({"device__organization__slug": self.org.slug}, 3),
            ({"device": str(self.env["d1"].pk)}, 3),
            ({"image": str(self.env["image2a"].pk)}, 3),
            ({"status": "failed"}, 3),
            ({"organization": self.org.slug}, 3),
        ):
            with self.subTest(filters=filters):
                response = self._get(url, queries=queries, **filters)
                self.assertEqual(self._results(response), [str(self.operation.pk)])
        for name in ("device", "image"):
            self.assertEqual(self._results(self._get(url, **{name: NOWHERE})), [])

    def test_more_filters(self):
        group = self._create_device_group()
        location = Location.objects.create(
            name="Roof", type="outdoor", organization=self.org
        )
        Device.objects.filter(pk=self.env["d1"].pk).update(group=group)
        DeviceLocation.objects.create(content_object=self.env["d1"], location=location)
        batch = Batch.objects.create(build=self.env["build2"])
        UpgradeOperation.objects.filter(pk=self.operation.pk).update(
            batch=batch, status="failed", progress=30
        )
        second = self._operation(self.env["d2"], status="success")
        third = self._operation(self.env["d2"])
        url = self._url("upgradeoperation_list")
        moment = second.created.isoformat()
        for filters, expected in (
            ({"batch": str(batch.pk)}, [self.operation]),
            ({"group": str(group.pk)}, [self.operation]),
            ({"location": str(location.pk)}, [self.operation]),
            ({"created_after": moment}, [third, second]),
            ({"created_before": moment}, [second, self.operation]),
            ({"modified_after": "2999-01-01"}, []),
            ({"modified_before": "2999-01-01T00:00:00Z"}, [third, second]),
            ({"status": ["failed", "success"]}, [second, self.operation]),
            ({"status": ["failed", ""]}, [self.operation]),
            ({"status": ""}, [third, second, self.operation]),
            ({"search": "device1"}, [self.operation]),
            ({"search": self.env["d1"].mac_address.lower()}, [self.operation]),
            ({"search": "nothing"}, []),
            ({"ordering": "progress,created"}, [second, third, self.operation]),
            ({"ordering": "-status"}, [second, third, self.operation]),
        ):
            if "modified_before" in filters:
                expected = [*expected, self.operation]
            with self.subTest(filters=filters):
                found = self._results(self._get(url, **filters))
                self.assertEqual(found, [str(row.pk) for row in expected])

    def test_bad_filters(self):
        group = self._create_device_group(organization=self.other)
        foreign_batch = Batch.objects.create(
            build=self._create_build(
                category=self._create_category(organization=self.other)
            )
        )
        url = self._url("upgradeoperation_list")
        for name, value in (
            ("device", "malformed"),
            ("image", "malformed"),
            ("batch", "malformed"),
            ("group", "malformed"),
            ("location", NOWHERE),
            ("batch", NOWHERE),
            ("device", NOWHERE),
            ("image", NOWHERE),
            ("device", str(self.foreign_device.pk)),
            ("batch", str(foreign_batch.pk)),
            ("group", str(group.pk)),
            ("status", "nonsense"),
            ("device__organization", "malformed"),
            ("device__organization", str(self.other.pk)),
            ("created_after", "yesterday"),
            ("created_after", "0001-01-01T00:00:00+14:00"),
            ("modified_before", "9999-12-31T23:59:59-14:00"),
            ("device__organization__slug", "nul\x00"),
            ("search", "nul\x00"),
        ):
            with self.subTest(name=name, value=value):
                response = self._get(url, 400, **{name: value})
                self.assertEqual(list(response.data), [name])

    def test_labels_of_the_filters(self):
        from ...api.filters import UpgradeOperationFilter

        found = UpgradeOperationFilter({}, UpgradeOperation.objects.all())
        self.assertEqual(
            list(found.filters)[:5],
            [
                "device__organization",
                "device__organization__slug",
                "device",
                "image",
                "status",
            ],
        )
        labels = [str(found.filters[name].label) for name in list(found.filters)[:2]]
        self.assertEqual(labels, ["Organization", "Organization slug"])

    def test_detail(self):
        url = self._url("upgradeoperation_detail", self.operation.pk)
        response = self._get(url, queries=5)
        self.assertEqual(response.data, self._serialized(self.operation)[0])
        self.assertEqual(response.data["device_name"], "device1")
        self.assertIn("v0.2", response.data["image_label"])
        self.assertEqual(response.data["phase"], "queued")
        self.assertIsInstance(response.data["id"], str)
        self.assertEqual(response.data["device"], self.env["d1"].pk)
        for pk in (self.foreign.pk, NOWHERE):
            self._get(self._url("upgradeoperation_detail", pk), 404, queries=4)
        self._login(None)
        self._get(url, 401, queries=0)
        self._login_member()
        self._get(url, 403, queries=1)
        self._login_superuser()
        data = self._get(self._url("upgradeoperation_detail", self.foreign.pk)).data
        self.assertIsNone(data["image"])
        self.assertIsNone(data["image_label"])

    # cancel

    def _cancel_url(self, operation):
        return self._url("upgradeoperation_cancel", operation.pk)

    def _set(self, **fields):
        UpgradeOperation.objects.filter(pk=self.operation.pk).update(**fields)

    def test_cancel(self):
        self._set(progress=64)
        url = self._cancel_url(self.operation)
        self.env["d1"].deactivate()
        UpgradeOperation.objects.filter(pk=self.operation.pk).update(
            status="in-progress", phase="upload"
        )
        with self.assertLogs("openwisp_firmware_upgrader", "INFO") as logs:
            response = self._send("post", url, 200, 12)
        self.assertEqual(list(response.data), ["message"])
        self.operation.refresh_from_db()
        self.assertEqual(self.operation.status, "cancelled")
        self.assertIn("cancelled by user", self.operation.log)
        said = "\n".join(logs.output)
        self.assertIn(str(self.operation.pk), said)
        self.assertIn(str(self.administrator), said)
        response = self._send("post", url, 409)
        self.assertIn("cancelled", response.data["error"])

    def test_cancel_too_late(self):
        self._set(progress=65, phase="flash")
        with self._nothing_changes():
            response = self._send("post", self._cancel_url(self.operation), 409)
        self.assertIn("reflashing has already started", response.data["error"])

    def test_cancel_not_found(self):
        for pk in (NOWHERE, self.foreign.pk, "00000000-0000-0000-0000-000000000000"):
            with self._nothing_changes():
                url = self._url("upgradeoperation_cancel", pk)
                response = self._send("post", url, 404)
                self.assertEqual(list(response.data), ["error"])
                self.assertIn("not found", response.data["error"])

    def test_cancel_needs_permission(self):
        url = self._cancel_url(self.operation)
        with self._nothing_changes():
            self._login_with("add", "view", model="UpgradeOperation", name="adds")
            self.assertIn("detail", self._send("post", url, 403).data)
            unknown = self._url("upgradeoperation_cancel", NOWHERE)
            self._send("post", unknown, 403)
            self._login(None)
            self._send("post", url, 401, 0)
        self._login_with("change", model="UpgradeOperation", name="changes")
        self._send("post", url, 200)

    def test_cancel_that_breaks(self):
        url = self._cancel_url(self.operation)
        broken = mock.patch.object(
            UpgradeOperation, "cancel", side_effect=OSError("secret")
        )
        with broken, self.assertLogs("openwisp_firmware_upgrader", "ERROR") as logs:
            response = self._send("post", url, 500)
        self.assertNotIn("secret", response.data["error"])
        self.assertIn("secret", "\n".join(logs.output))

    def test_methods(self):
        self._get(self._cancel_url(self.operation), 405)
        url = self._url("upgradeoperation_detail", self.operation.pk)
        for method in ("post", "put", "patch"):
            self._send(method, url, 405)


class TestDeviceUpgradeOperationViews(OperationsMixin, TestCase):
    def _device_url(self, device):
        return self._url("deviceupgradeoperation_list", getattr(device, "pk", device))

    def test_list(self):
        second = self._operation(self.env["d1"], self.env["image2a"], status="failed")
        url = self._device_url(self.env["d1"])
        response = self._get(url, queries=6)
        expected = [
            DeviceUpgradeOperationSerializer().to_representation(row)
            for row in (second, self.operation)
        ]
        self.assertEqual(response.data["results"], expected)
        self.assertNotIn("created", response.data["results"][0])
        self._get(url, status="success", queries=5)
        found = self._get(url, status="failed", queries=6)
        self.assertEqual(self._results(found), [str(second.pk)])
        self._get(url, 400, status="nonsense")
        found = self._get(url, ordering="created")
        self.assertEqual(self._results(found), [str(second.pk), str(self.operation.pk)])
        self._get(self._device_url(self.env["d2"]), queries=5)
        for _number in range(30):
            self._operation(self.env["d1"], self.env["image2a"])
        self._get(url, queries=6, page_size=100)

    def test_who_sees_what(self):
        url = self._device_url(self.env["d1"])
        response = self._get(self._device_url(NOWHERE), 404, queries=1)
        self.assertEqual(response.json(), {"detail": "device not found"})
        found = self._get(self._device_url(self.foreign_device), queries=5)
        self.assertEqual(found.data["results"], [])
        self.env["d1"].deactivate()
        self._get(url)
        self._login_member()
        response = self._get(url, 403, queries=2)
        self.assertIn("not a manager", str(response.data["detail"]))
        self._login_superuser()
        found = self._get(self._device_url(self.foreign_device), queries=4)
        self.assertEqual(self._results(found), [str(self.foreign.pk)])

    def test_anonymous_learns_nothing(self):
        for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer nonsense"}):
            self._login(None)
            answers = []
            for device in (self.env["d1"], NOWHERE):
                url = self._device_url(device)
                response = self._get(url, 401, **{})
                answers.append(response.content)
                self._send("get", url, 401, 1, **headers)
            self.assertEqual(answers[0], answers[1])

    def test_tokens_of_inactive_users(self):
        type(self.administrator).objects.update(is_active=False)
        self._get(self._device_url(self.env["d1"]), 401)
        self._get(self._device_url(NOWHERE), 401)
        self._send(
            "get", self._device_url(NOWHERE), 401, HTTP_AUTHORIZATION="Bearer a\x00b"
        )

    def test_session(self):
        self._login(None)
        self.client.force_login(self.administrator)
        self._get(self._device_url(self.env["d1"]))
        self._get(self._device_url(NOWHERE), 404)
