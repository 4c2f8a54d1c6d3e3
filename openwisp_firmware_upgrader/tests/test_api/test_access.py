"""A device moves, a category changes hands: what the REST API shows and does."""

from django.db.models.signals import post_save
from django.test import TestCase

from ...swapper import load_model
from ..test_access import CategoryMovesMixin, DeviceMovesMixin
from .base import TestAPIUpgraderMixin

Batch = load_model("BatchUpgradeOperation")
UpgradeOperation = load_model("UpgradeOperation")


class AccessTests:
    """What the manager of the category sees and does."""

    def setUp(self):
        super().setUp()
        self._login(self.manager)

    def _batch_url(self, name="detail"):
        return self._url(f"batchupgradeoperation_{name}", self.batch.pk)

    def test_s4_totals_of_a_batch(self):
        self._end("success", device=self.env["d1"])
        self._end("failed", device=self.env["d2"])
        data = self._get(self._batch_url()).data
        shown = [str(row["id"]) for row in data["upgradeoperations"]]
        self.assertEqual(shown, [str(self.env["o1"].pk)])
        self.assertEqual(data["progress_report"], "1 out of 1")
        self.assertEqual((data["success_rate"], data["failed_rate"]), (100, 0))

    def test_s4_cancel_of_a_batch(self):
        data = self._send("post", self._batch_url("cancel")).data
        self.assertEqual(data, {"cancelled": 1, "going_on": 0})
        self.assertEqual(self._status("o1"), "cancelled")
        self.assertEqual(self._status("o2"), "in-progress")
        data = self._send("post", self._batch_url("cancel"), 409).data
        self.assertIn("belong to other organizations", data["error"])

    def test_s4_retry_of_a_batch(self):
        self._end()
        data = self._send("post", self._batch_url("retry"), 201).data
        (operation,) = UpgradeOperation.objects.filter(batch=data["batch"])
        self.assertEqual(operation.device, self.env["d1"])

    def test_s4_retry_of_an_operation_whose_image_is_foreign(self):
        self._end()
        self._login_superuser()
        url = self._url("upgradeoperation_retry", self.env["o2"].pk)
        data = self._send("post", url, 409).data
        self.assertIn("another organization", data["error"])
        self.assertEqual(Batch.objects.count(), 1)

    def test_s4_retry_of_an_operation_whose_device_moves_meanwhile(self):
        self._end()
        pk, batches = self.env["o1"].pk, Batch.objects.count()
        devices = type(self.env["d1"]).objects.filter(pk=self.env["d1"].pk)
        elsewhere = self._create_org(name="elsewhere", slug="elsewhere")

        def move(**kwargs):
            devices.update(organization=elsewhere)

        self._login_superuser()
        post_save.connect(move, sender=Batch)
        self.addCleanup(post_save.disconnect, move, sender=Batch)
        data = self._send("post", self._url("upgradeoperation_retry", pk), 409).data
        self.assertIn("nothing to retry any more", data["error"])
        self.assertEqual(Batch.objects.count(), batches)

    def test_s4_preview_of_a_launch(self):
        self._end()
        url = self._url("build_batch_upgrade", self.env["build2"].pk)
        for user in (self.manager, self._get_admin()):
            self._login(user)
            data = self._get(url).data
            expected = {
                "device_firmwares": [str(self.env["device_fw1"].pk)],
                "devices": [],
            }
            self.assertEqual(data, expected)
            data = self._get(url, summary="true", upgrade_all="true").data
            self.assertEqual(data["summary"]["total"], 1)
            self.assertEqual([row["name"] for row in data["results"]], ["device1"])


class TestDeviceMoved(AccessTests, DeviceMovesMixin, TestAPIUpgraderMixin, TestCase):
    """A device has moved to another organization."""

    def test_s4_moved_device_gets_an_image_of_its_own(self):
        theirs = self._create_firmware_image(
            build=self._create_build(
                category=self._create_category(
                    name="theirs", organization=self.stranger
                )
            ),
            type=self._types()[1],
        )
        self._login_superuser()
        url = self._url("devicefirmware_detail", self.env["d2"].pk)
        foreign = {"image": str(self.env["image2b"].pk)}
        self._json("put", url, foreign, 400)
        self._end()
        self._json("put", url, {"image": str(theirs.pk)})
        row = load_model("DeviceFirmware").objects.get(device=self.env["d2"])
        self.assertEqual(row.image, theirs)


class TestCategoryHandedOver(
    AccessTests, CategoryMovesMixin, TestAPIUpgraderMixin, TestCase
):
    """A category belongs to another organization than it did."""
