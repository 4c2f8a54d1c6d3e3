from unittest import mock

from django.contrib.auth.models import Permission
from django.test import TestCase
from swapper import load_model as load_any_model

from ...api.serializers import DeviceFirmwareSerializer
from ...constants import DEACTIVATED_DEVICE_FIRMWARE_ERROR
from ...swapper import load_model
from .base import NOWHERE, Device, TestAPIUpgraderMixin

DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")
DeviceConnection = load_any_model("connection", "DeviceConnection")


class DeviceFirmwareMixin(TestAPIUpgraderMixin):
    def _firmware_url(self, device):
        return self._url("devicefirmware_detail", getattr(device, "pk", device))

    def _put(self, device, image, status=200, queries=None, url="", **data):
        url = self._firmware_url(device) + url
        data = {"image": str(getattr(image, "pk", image)), **data}
        return self._json("put", url, data, status, queries)

    def _operations(self, device):
        return UpgradeOperation.objects.filter(device=device)


class TestDeviceFirmwareImageViews(DeviceFirmwareMixin, TestCase):
    # look

    def test_look(self):
        env = self._create_upgrade_env()
        response = self._get(self._firmware_url(env["d1"]), queries=7)
        self.assertEqual(
            response.data,
            DeviceFirmwareSerializer().to_representation(env["device_fw1"]),
        )
        self.assertEqual(list(response.data), ["id", "image", "installed", "modified"])
        self.assertEqual(response.data["image"], env["image1a"].pk)
        self._login_operator()
        self._get(self._firmware_url(env["d1"]))

    def test_who_sees_what(self):
        env = self._create_upgrade_env()
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_device(
            name="foreign", mac_address="00:11:22:33:44:99", organization=other
        )
        DeviceFirmware(device=foreign, image=env["image1a"]).save(upgrade=False)
        self._get(self._firmware_url(NOWHERE), 404, queries=4)
        self._get(self._firmware_url(foreign), 404, queries=4)
        self._login_member()
        self._get(self._firmware_url(env["d1"]), 403, queries=1)
        self._login(None)
        for pk in (env["d1"].pk, NOWHERE):
            self._get(self._firmware_url(pk), 401, queries=0)
        self._login_superuser()
        self._get(self._firmware_url(env["d1"]))
        self._get(self._firmware_url(foreign))

    def test_without_firmware(self):
        env = self._create_upgrade_env(device_firmware=False)
        url = self._firmware_url(env["d1"])
        self._get(url, 404)
        self._json("patch", url, {"image": str(env["image1a"].pk)}, 404)
        self._send("delete", url, 404)

    def test_methods(self):
        env = self._create_upgrade_env()
        self._send("post", self._firmware_url(env["d1"]), 405)
        self._send("head", self._firmware_url(env["d1"]))
        self._send("options", self._firmware_url(env["d1"]))
        self._send("options", self._firmware_url(NOWHERE))

    # change

    def test_another_image(self):
        env = self._create_upgrade_env()
        with self.captureOnCommitCallbacks(execute=True):
            response = self._put(env["d1"], env["image2a"], 200, 22)
        operation = self._operations(env["d1"]).get()
        firmware = DeviceFirmware.objects.get(device=env["d1"])
        self.assertEqual(
            response.data,
            {
                **DeviceFirmwareSerializer().to_representation(firmware),
                "upgrade_operation": {"id": operation.pk},
            },
        )
        self.assertEqual(firmware.image, env["image2a"])
        self.assertFalse(firmware.installed)
        self.assertEqual(operation.image, env["image2a"])
        self.assertEqual(operation.upgrade_options, {})
        self.assertEqual(operation.created_by, self.administrator)
        self.sent.assert_called_once_with("upgrade_firmware", operation.pk)

    def test_patch(self):
        env = self._create_upgrade_env()
        url = self._firmware_url(env["d1"])
        data = {"image": str(env["image2a"].pk)}
        response = self._json("patch", url, data, 200, 22)
        operation = self._operations(env["d1"]).get()
        self.assertEqual(response.data["upgrade_operation"], {"id": operation.pk})

    def test_the_same_image_again(self):
        env = self._create_upgrade_env()
        self._put(env["d1"], env["image1a"])
        self.assertEqual(self._operations(env["d1"]).count(), 1)
        DeviceFirmware.objects.update(installed=True)
        self._operations(env["d1"]).delete()
        for _times in range(2):
            response = self._put(env["d1"], env["image1a"])
            self.assertNotIn("upgrade_operation", response.data)
            self.assertTrue(response.data["installed"])
            self.assertEqual(self._operations(env["d1"]).count(), 0)
            self._operation(env["d1"], env["image1a"], status="success").delete()

    def test_older_operations_are_not_named(self):
        env = self._create_upgrade_env()
        DeviceFirmware.objects.update(installed=True)
        self._operation(env["d1"], env["image1a"], status="success")
        response = self._put(env["d1"], env["image1a"])
        self.assertNotIn("upgrade_operation", response.data)

    def test_a_running_operation_does_not_block(self):
        env = self._create_upgrade_env()
        self._put(env["d1"], env["image2a"])
        self._put(env["d1"], env["image1a"])
        self.assertEqual(self._operations(env["d1"]).count(), 2)

    def test_images_that_are_refused(self):
        env = self._create_upgrade_env()
        category = self._create_category(name="another")
        build = self._create_build(category=category, version="9")
        elsewhere = self._create_firmware_image(build=build)
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_firmware_image(
            build=self._create_build(
                category=self._create_category(name="f", organization=other)
            )
        )
        for image in (env["image2b"], elsewhere, foreign, NOWHERE):
            with self.subTest(image=image), self._nothing_changes():
                response = self._put(env["d1"], image, 400)
                self.assertIn("Invalid pk", str(response.data["image"]))
        url = self._firmware_url(env["d1"])
        for data in ({}, {"image": None}, {"image": "malformed"}, {"image": [1]}):
            with self.subTest(data=data), self._nothing_changes():
                self.assertIn("image", self._json("put", url, data, 400).data)
        with self._nothing_changes():
            self._put(env["d1"], env["image2b"], 400, 8)

    def test_model_that_no_image_fits(self):
        env = self._create_upgrade_env()
        Device.objects.filter(pk=env["d1"].pk).update(model="unknown model")
        with self._nothing_changes():
            response = self._put(env["d1"], env["image2a"], 400, 13)
        self.assertIn("model do not match", str(response.data["__all__"]))

    def test_without_connection(self):
        env = self._create_upgrade_env()
        DeviceConnection.objects.all().delete()
        with self._nothing_changes():
            response = self._put(env["d1"], env["image2a"], 400)
        self.assertIn("connection", str(response.data["__all__"]))

    def test_permissions(self):
        env = self._create_upgrade_env()
        with self._nothing_changes():
            self._login_operator()
            self._put(env["d1"], env["image2a"], 403)
            self._send("delete", self._firmware_url(env["d1"]), 403)
            self._login_foreign()
            self._put(env["d1"], env["image2a"], 404)
            self._send("delete", self._firmware_url(env["d1"]), 404)

    def test_delete(self):
        env = self._create_upgrade_env()
        self._send("delete", self._firmware_url(env["d1"]), 204)
        self.assertFalse(DeviceFirmware.objects.filter(device=env["d1"]).exists())

    # create

    def test_create(self):
        env = self._create_upgrade_env(device_firmware=False)
        response = self._put(env["d1"], env["image1a"], 201)
        firmware = DeviceFirmware.objects.get()
        operation = self._operations(env["d1"]).get()
        self.assertEqual(response.data["id"], str(firmware.pk))
        self.assertEqual(response.data["upgrade_operation"], {"id": operation.pk})
        self.assertFalse(firmware.installed)

    def test_create_with_a_shared_image(self):
        env = self._create_upgrade_env(device_firmware=False)
        image = self._create_firmware_image(build=self._shared_build())
        self._put(env["d1"], image, 201, 24, url="?format=api")
        self.assertEqual(DeviceFirmware.objects.get().image, image)

    def test_create_checks_the_device_first(self):
        env = self._create_upgrade_env(device_firmware=False)
        response = self._put(NOWHERE, env["image1a"], 404)
        self.assertEqual(response.json(), {"detail": "device not found"})
        other = self._create_org(name="org 2", slug="org-2")
        foreign = self._create_device(
            name="foreign", mac_address="00:11:22:33:44:99", organization=other
        )
        with self._nothing_changes():
            response = self._put(foreign, env["image1a"], 404)
            self.assertEqual(response.json(), {"detail": "device not found"})
            self._put(env["d1"], NOWHERE, 400)

    def test_create_needs_to_add(self):
        env = self._create_upgrade_env(device_firmware=False)
        user = self._login_with("change", model="DeviceFirmware")
        with self._nothing_changes():
            self._put(env["d1"], env["image1a"], 403)
        options = DeviceFirmware._meta
        user.user_permissions.add(
            Permission.objects.get(
                codename=f"add_{options.model_name}",
                content_type__app_label=options.app_label,
            )
        )
        self._put(env["d1"], env["image1a"], 201)

    def test_create_behind_a_mismatching_slug(self):
        env = self._create_upgrade_env()
        with self._nothing_changes():
            self._put(env["d1"], env["image2a"], 400, url="?organization=other")

    def test_two_creations_at_once(self):
        env = self._create_upgrade_env(device_firmware=False)
        save = DeviceFirmware.save

        def overtaken(row, *args, **kwargs):
            other = DeviceFirmware(device=row.device, image=row.image)
            with mock.patch.object(DeviceFirmware, "save", save):
                other.save(upgrade=False)
            return save(row, *args, **kwargs)

        with mock.patch.object(DeviceFirmware, "save", overtaken):
            response = self._put(env["d1"], env["image1a"], 409)
        self.assertIn("detail", response.data)
        self.assertEqual(self._operations(env["d1"]).count(), 0)

    # deactivated devices

    def test_deactivated_devices(self):
        env = self._create_upgrade_env()
        url = self._firmware_url(env["d1"])
        for device in (env["d1"], env["d2"]):
            device.deactivate()
        DeviceFirmware.objects.filter(device=env["d2"]).delete()
        with self._nothing_changes():
            self._get(url)
            data = {"image": str(env["image2a"].pk)}
            answers = [
                self._json("put", url, data, 403),
                self._json("patch", url, data, 403),
                self._send("delete", url, 403),
                self._put(env["d2"], env["image2b"], 403),
            ]
        for answer in answers:
            text = str(answer.data["detail"])
            self.assertEqual(text, str(DEACTIVATED_DEVICE_FIRMWARE_ERROR))
        self._get(url, format="api")

    def test_serializer_refuses_deactivated_devices(self):
        env = self._create_upgrade_env()
        env["d1"].deactivate()
        serializer = DeviceFirmwareSerializer(
            instance=env["device_fw1"],
            data={"image": env["image2a"].pk},
            context={"device": env["d1"]},
            partial=True,
        )
        self.assertFalse(serializer.is_valid())
        self.assertIn(str(DEACTIVATED_DEVICE_FIRMWARE_ERROR), str(serializer.errors))

    # browsable API

    def _options(self, response):
        """Returns the images offered by the form of a page."""
        html = response.content.decode()
        return {
            str(image.pk): f'value="{image.pk}"' in html and str(image) in html
            for image in FirmwareImage.objects.all()
        }

    def _assert_offered(self, response, *images):
        offered = {pk for pk, shown in self._options(response).items() if shown}
        self.assertEqual(offered, {str(image.pk) for image in images})

    def test_form_of_a_device_with_firmware(self):
        env = self._create_upgrade_env()
        category = self._create_category(name="another")
        build = self._create_build(category=category, version="9")
        self._create_firmware_image(build=build)
        url = self._firmware_url(env["d1"])
        expected = (env["image1a"], env["image2a"])
        self._assert_offered(self._get(url, queries=8, format="api"), *expected)
        response = self._put(env["d1"], env["image2a"], 200, 22, url="?format=api")
        self._assert_offered(response, *expected)
        url = f"{url}?format=api"
        data = {"image": str(env["image1a"].pk)}
        response = self._json("patch", url, data, 200, 22)
        self._assert_offered(response, *expected)
        self._login_superuser()
        url = self._firmware_url(env["d1"])
        self._assert_offered(self._get(url, queries=5, format="api"), *expected)

    def test_form_of_a_device_without_firmware(self):
        env = self._create_upgrade_env(device_firmware=False)
        category = self._create_category(name="another")
        build = self._create_build(category=category, version="9")
        image = self._create_firmware_image(build=build)
        url = self._firmware_url(env["d1"])
        response = self._get(url, 404, queries=6, format="api")
        self._assert_offered(response, env["image1a"], env["image2a"], image)
        response = self._put(env["d1"], env["image1a"], 201, 25, url="?format=api")
        self._assert_offered(response, env["image1a"], env["image2a"])

    def test_operators_get_no_form(self):
        env = self._create_upgrade_env()
        self._login_operator()
        url = self._firmware_url(env["d1"])
        self._assert_offered(self._get(url, queries=7, format="api"))

    def test_form_of_a_refused_change(self):
        env = self._create_upgrade_env()
        response = self._put(env["d1"], env["image2b"], 400, url="?format=api")
        self.assertContains(response, "Invalid pk", status_code=400)


class TestDeviceFirmwareAdditions(DeviceFirmwareMixin, TestCase):
    def test_conflicts_are_refused_when_so_asked(self):
        env = self._create_upgrade_env()
        first = self._put(env["d1"], env["image2a"], url="?conflict=reject")
        operation = self._operations(env["d1"]).get()
        self.assertEqual(first.data["upgrade_operation"], {"id": operation.pk})
        with self._nothing_changes():
            response = self._put(env["d1"], env["image1a"], 409, url="?conflict=reject")
            self.assertEqual(response.data["upgrade_operation"], {"id": operation.pk})
            self.assertIn(str(operation.pk), response.data["error"])
            url = f"{self._firmware_url(env['d1'])}?conflict=reject"
            self._json("patch", url, {"image": str(env["image1a"].pk)}, 409)
        self._put(env["d2"], env["image2b"], url="?conflict=reject")
        self._operations(env["d1"]).update(status="failed")
        self._put(env["d1"], env["image1a"], url="?conflict=reject")

    def test_conflict_of_the_first_image(self):
        env = self._create_upgrade_env(device_firmware=False)
        operation = self._operation(env["d1"])
        with self._nothing_changes():
            response = self._put(env["d1"], env["image1a"], 409, url="?conflict=reject")
        self.assertEqual(response.data["upgrade_operation"], {"id": operation.pk})

    def test_options(self):
        env = self._create_upgrade_env()
        options = {"n": True}
        self._put(env["d1"], env["image2a"], upgrade_options=options)
        self.assertEqual(self._operations(env["d1"]).get().upgrade_options, options)
        content = f"image={env['image1a'].pk}&upgrade_options=%7B%22c%22%3A+true%7D"
        form = "application/x-www-form-urlencoded"
        url = self._firmware_url(env["d1"])
        self._send("patch", url, 200, data=content, content_type=form)
        latest = self._operations(env["d1"]).latest("created")
        self.assertEqual(latest.upgrade_options, {"c": True})

    def test_invalid_options(self):
        env = self._create_upgrade_env()
        for options in (
            {"nonsense": True},
            {"n": "yes"},
            {"n": True, "c": True},
            [],
            "text",
            None,
            {"n\x00": True},
        ):
            with self.subTest(options=options), self._nothing_changes():
                response = self._put(
                    env["d1"], env["image2a"], 400, upgrade_options=options
                )
                self.assertEqual(list(response.data), ["upgrade_options"])

    def test_row_and_operation_come_together_or_not_at_all(self):
        env = self._create_upgrade_env()
        broken = mock.patch.object(UpgradeOperation, "save", side_effect=OSError)
        with self._nothing_changes(), broken, self.assertRaises(OSError):
            self._put(env["d1"], env["image2a"])
        DeviceFirmware.objects.filter(device=env["d2"]).delete()
        with self._nothing_changes(), broken, self.assertRaises(OSError):
            self._put(env["d2"], env["image2b"])
