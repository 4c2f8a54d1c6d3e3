from functools import partial
from unittest import mock

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, TransactionTestCase
from swapper import load_model as load_any_model

from ... import settings as app_settings
from ...api.serializers import FirmwareImageSerializer
from ...swapper import load_model
from ..base import FirmwareDownloadPermissionTestMixin
from .base import NOWHERE, TestAPIUpgraderMixin

FirmwareImage = load_model("FirmwareImage")
Device = load_any_model("config", "Device")


class TestFirmwareImageViews(TestAPIUpgraderMixin, TestCase):
    def _list_url(self, build):
        return self._url("firmware_list", getattr(build, "pk", build))

    def _detail_url(self, image, build=None):
        return self._url(
            "firmware_detail", getattr(build, "pk", image.build_id), image.pk
        )

    def _serialized(self, image):
        request = mock.Mock()
        request.build_absolute_uri = lambda url: f"http://testserver{url}"
        return FirmwareImageSerializer(context={}).to_representation(image)

    def _upload(self, target, status=201, queries=None, **data):
        data.setdefault("file", self._get_simpleuploadedfile(self.FAKE_IMAGE_PATH2))
        data.setdefault("type", self.TPLINK_4300_IMAGE)
        found = {key: value for key, value in data.items() if value is not None}
        return self._send("post", self._list_url(target), status, queries, data=found)

    def test_list(self):
        build = self._create_build()
        first = self._create_firmware_image(build=build)
        second = self._create_firmware_image(
            build=build, type=self.TPLINK_4300_IL_IMAGE
        )
        response = self._get(self._list_url(build), queries=8)
        self.assertEqual(self._results(response), [str(second.pk), str(first.pk)])
        self.assertEqual(
            set(response.data["results"][0]) - {"details"},
            {
                "id",
                "created",
                "modified",
                "file",
                "type",
                "build",
                "checksum",
                "size",
                "file_name",
            },
        )
        self._login_operator()
        filtered = {"type": self.TPLINK_4300_IMAGE, "org": "ignored"}
        response = self._get(self._list_url(build), queries=7, **filtered)
        self.assertEqual(self._results(response), [str(first.pk)])
        self._get(self._list_url(build), 400, type="nonsense")
        self._login_superuser()
        self._get(self._list_url(build), queries=5, **filtered)
        self._get(self._list_url(build), format="api")
        found = self._get(self._list_url(build), organization="other")
        self.assertEqual(self._results(found), [])

    def test_url_of_the_file(self):
        image = self._create_firmware_image()
        data = self._get(self._detail_url(image), queries=8).data
        url = self._url("firmware_download", image.build_id, image.pk)
        self.assertEqual(data["file"], f"http://testserver{url}")
        self.assertEqual(self._serialized(image)["file"], url)
        self.assertNotIn("private", str(data))
        self.assertNotIn(settings.PRIVATE_STORAGE_ROOT, str(data))
        self.assertEqual(data["size"], image.file.size)
        self.assertEqual(len(data["checksum"]), 64)
        self.assertTrue(data["file_name"].startswith("openwrt-"))

    def test_unknown_and_foreign(self):
        build = self._create_build()
        image = self._create_firmware_image(build=build)
        response = self._get(self._list_url(NOWHERE), 404)
        self.assertEqual(response.json(), {"detail": "build not found"})
        self._upload(NOWHERE, 404)
        other = self._create_build(version="other")
        self._get(self._detail_url(image, other), 404)
        self._get(self._url("firmware_detail", build.pk, NOWHERE), 404)
        self._login_foreign()
        self.assertEqual(self._get(self._list_url(build)).data["results"], [])
        with self._nothing_changes():
            self._get(self._detail_url(image), 404)
            self._send("delete", self._detail_url(image), 404)
            self._upload(build, 404)

    def test_anonymous_learns_nothing(self):
        image = self._create_firmware_image()
        self._login(None)
        for pk in (image.build_id, NOWHERE):
            self._get(self._list_url(pk), 401, queries=0)
            self._get(self._url("firmware_detail", pk, image.pk), 401, queries=0)
            self._get(self._url("firmware_download", pk, image.pk), 401, queries=0)

    def test_upload(self):
        build = self._create_build()
        other = self._create_build(version="other")
        response = self._upload(build, queries=9, build=str(other.pk))
        image = FirmwareImage.objects.get()
        self.assertEqual(image.build, build)
        self.assertEqual(response.data["id"], str(image.pk))
        self.assertEqual(response.data["build"], build.pk)
        self.assertTrue(image.file.name.startswith(str(build.pk)))
        self.assertIn("__all__", self._upload(build, 400).data)

    def test_invalid_uploads(self):
        build = self._create_build()
        empty = SimpleUploadedFile("x-empty.bin", b"")
        for data, field in (
            ({"file": None}, "file"),
            ({"file": empty}, "file"),
            ({"type": None}, "type"),
            ({"type": "nonsense"}, "type"),
            ({"type": "", "file": SimpleUploadedFile("x-y.bin", b"x")}, "type"),
        ):
            with self.subTest(data=data), self._nothing_changes():
                self.assertIn(field, self._upload(build, 400, **data).data)
        url = self._list_url(build)
        data = {"type": self.TPLINK_4300_IMAGE, "file": "text"}
        self.assertIn("file", self._json("post", url, data, 400).data)
        self._send("post", url, 415, data="x", content_type="text/plain")
        self._send("post", url, 400, data="{", content_type="application/json")

    def test_an_empty_type_is_found_out(self):
        build = self._create_build()
        response = self._upload(build, type="")
        self.assertEqual(response.data["type"], self.TPLINK_4300_IMAGE)
        self.assertEqual(FirmwareImage.objects.get().type, self.TPLINK_4300_IMAGE)
        self._upload(build, 400, type="")
        self._get(self._url("build_batch_upgrade", build.pk))

    def test_size_limit(self):
        build = self._create_build()
        field = FirmwareImage._meta.get_field("file")
        with mock.patch.object(field, "max_file_size", 10):
            big = SimpleUploadedFile("openwrt-x.bin", b"x" * 11)
            self.assertIn("file", self._upload(build, 400, file=big).data)
            fits = SimpleUploadedFile("openwrt-x.bin", b"x" * 10)
            self._upload(build, file=fits)
        self.assertEqual(app_settings.MAX_FILE_SIZE, 30 * 1024 * 1024)

    def test_long_names(self):
        build = self._create_build()
        name = "a" * 250 + ".bin"
        self._upload(build, file=SimpleUploadedFile(name, b"x"))
        self.assertLessEqual(len(FirmwareImage.objects.get().file.name), 255)

    def test_long_names_in_bytes(self):
        build = self._create_build()
        for name in ("\u65e5" * 200 + ".bin", "\u65e5" * 250, "b." + "\u65e5" * 200):
            # a second one gets a suffix
            for image_type in (self.TPLINK_4300_IMAGE, self.TPLINK_4300_IL_IMAGE):
                with self.subTest(name=name[-10:]):
                    file = SimpleUploadedFile(name, b"x")
                    self._upload(build, file=file, type=image_type)
            for image in FirmwareImage.objects.all():
                self.assertTrue(image.file.storage.exists(image.file.name))
                base = image.file.name.rpartition("/")[2]
                self.assertLessEqual(len(base.encode()), 255)
            kept = FirmwareImage.objects.values_list("file", flat=True)
            self.assertEqual(all(n.endswith(".bin") for n in kept), name[-4:] == ".bin")
            FirmwareImage.objects.all().delete()

    def test_uploads_into_shared_builds(self):
        build = self._shared_build()
        with self._nothing_changes():
            self._upload(build, 403)
        self._login_superuser()
        self._upload(build)

    def test_shared_images(self):
        image = self._create_firmware_image(build=self._shared_build())
        self._get(self._list_url(image.build))
        self._get(self._detail_url(image))
        with self._nothing_changes():
            self._send("delete", self._detail_url(image), 403)

    def test_delete(self):
        env = self._create_upgrade_env()
        image = env["image1a"]
        operation = self._operation(env["d1"], image, status="success")
        storage, name = image.file.storage, image.file.name
        with self.captureOnCommitCallbacks(execute=True):
            self._send("delete", self._detail_url(image), 204, 11)
        self.assertFalse(FirmwareImage.objects.filter(pk=image.pk).exists())
        self.assertFalse(storage.exists(name))
        operation.refresh_from_db()
        self.assertIsNone(operation.image_id)
        self.assertFalse(
            load_model("DeviceFirmware").objects.filter(device=env["d1"]).exists()
        )

    def test_images_cannot_be_changed(self):
        image = self._create_firmware_image()
        data = {"type": self.TPLINK_4300_IL_IMAGE}
        for method in ("put", "patch"):
            self._json(method, self._detail_url(image), data, 405)
            self._send(method, self._detail_url(image), 405)

    def test_queries_do_not_grow(self):
        from ...hardware import FIRMWARE_IMAGE_TYPE_CHOICES

        build = self._create_build()
        for name, _label in FIRMWARE_IMAGE_TYPE_CHOICES[:30]:
            self._create_firmware_image(build=build, type=name)
        response = self._get(self._list_url(build), queries=8, page_size=100)
        self.assertEqual(len(response.data["results"]), 30)


class TestOvertakenUploads(TestAPIUpgraderMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        # groups have no permissions any more once tables were flushed
        self._login_superuser()

    def _upload_overtaken_by(self, rival, **data):
        """Uploads an image; the rival acts between its validation and its row."""
        measure, done = FirmwareImage._measure, []

        def overtaken(image):
            if not done:
                done.append(True)
                rival()
            measure(image)

        data = {
            "type": self.TPLINK_4300_IMAGE,
            "file": self._get_simpleuploadedfile(self.FAKE_IMAGE_PATH2),
            **data,
        }
        build = load_model("Build").objects.get()
        with mock.patch.object(FirmwareImage, "_measure", overtaken):
            return self.client.post(self._url("firmware_list", build.pk), data)

    def _files(self, build_pk):
        storage = FirmwareImage._meta.get_field("file").storage
        try:
            return storage.listdir(str(build_pk))[1]
        except FileNotFoundError:
            return []

    def test_the_loser_leaves_no_file(self):
        build = self._create_build()
        for data in ({}, {"type": ""}):
            with self.subTest(data=data):
                FirmwareImage.objects.all().delete()
                self.assertEqual(self._files(build.pk), [])
                rival = partial(self._create_firmware_image, build=build)
                response = self._upload_overtaken_by(rival, **data)
                self.assertEqual(response.status_code, 400)
                self.assertEqual(list(response.json()), ["__all__"])
                kept = FirmwareImage.objects.get()
                name = kept.file.name.rpartition("/")[2]
                self.assertEqual(self._files(build.pk), [name])
                self.assertTrue(kept.file.storage.exists(kept.file.name))

    def test_a_build_that_is_gone_leaves_no_file(self):
        build = self._create_build()
        pk = build.pk
        response = self._upload_overtaken_by(build.delete)
        self.assertEqual(response.status_code, 409)
        self.assertFalse(FirmwareImage.objects.exists())
        self.assertEqual(self._files(pk), [])


class TestFirmwareDownloadPermissions(
    FirmwareDownloadPermissionTestMixin, TestAPIUpgraderMixin, TestCase
):
    expected_queries = {
        "unauthenticated": 0,
        "no_permissions": 5,
        "authenticated_no_permission": 5,
        "different_org": 5,
        "staff_no_permissions": 5,
        "staff_different_org": 4,
        "staff_with_permission": 9,
        "operator_same_org": 8,
        "superuser": 3,
    }

    def setUp(self):
        super().setUp()
        self._login(None)
        self.image = self._create_firmware_image()

    def get_download_url(self):
        return self._url("firmware_download", self.image.build_id, self.image.pk)

    def _get_download_client(self, user):
        self._login(user)
        return self.client
