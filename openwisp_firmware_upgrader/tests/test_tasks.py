"""The Celery tasks: names, arguments, and what they do without their rows."""

from __future__ import annotations

import uuid
from unittest import mock

from celery.exceptions import SoftTimeLimitExceeded
from django.test import TransactionTestCase
from openwisp_utils.tasks import OpenwispCeleryTask

from .. import settings as app_settings
from .. import tasks
from ..swapper import load_model
from .base import Device, TestUpgraderMixin

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")

SYSTEM = "OpenWrt 23.05.5 r24106-10cc5fcd00"


class TestTasks(TestUpgraderMixin, TransactionTestCase):
    _mock_upgrade = "openwisp_firmware_upgrader.upgraders.openwrt.OpenWrt.upgrade"
    _mock_connect = "openwisp_controller.connection.models.DeviceConnection.connect"

    def _operation(self):
        with mock.patch.object(tasks.upgrade_firmware, "delay"):
            self._create_device_firmware(upgrade=True)
        return UpgradeOperation.objects.get()

    def test_names_that_deployments_route(self):
        for name in (
            "upgrade_firmware",
            "batch_upgrade_operation",
            "create_device_firmware",
            "create_all_device_firmwares",
            "delete_firmware_files",
        ):
            task = getattr(tasks, name)
            self.assertEqual(task.name, f"openwisp_firmware_upgrader.tasks.{name}")

    def test_limits_of_time(self):
        for task in (tasks.upgrade_firmware, tasks.batch_upgrade_operation):
            self.assertEqual(task.soft_time_limit, app_settings.TASK_TIMEOUT)
            self.assertIsNone(task.time_limit)
            self.assertFalse(task.acks_late)
        for task in (
            tasks.create_device_firmware,
            tasks.create_all_device_firmwares,
            tasks.delete_firmware_files,
        ):
            self.assertIsInstance(task, OpenwispCeleryTask)
        self.assertEqual(tasks.upgrade_firmware.max_retries, 4)

    def test_time_limit_of_an_upgrade(self):
        operation = self._operation()
        for target in (
            mock.patch(self._mock_upgrade, side_effect=SoftTimeLimitExceeded),
            mock.patch.object(
                UpgradeOperation, "upgrade", side_effect=SoftTimeLimitExceeded
            ),
        ):
            UpgradeOperation.objects.update(
                status="in-progress", phase="queued", progress=0, log=""
            )
            with (
                target,
                mock.patch(self._mock_connect, return_value=True),
                mock.patch("logging.Logger.warning") as warning,
            ):
                tasks.upgrade_firmware.run(operation.pk)
            operation.refresh_from_db()
            self.assertEqual(operation.status, "failed")
            self.assertIn("Operation timed out.", operation.log)
            warning.assert_called()

    def test_upgrade_whose_row_is_gone(self):
        pk = uuid.uuid4()
        with mock.patch("logging.Logger.warning") as warning:
            tasks.upgrade_firmware.run(pk)
        warning.assert_called_once()
        text = warning.call_args.args[0] % warning.call_args.args[1:]
        self.assertIn(f"UpgradeOperation object with id {pk} has been deleted", text)

    def test_launch_whose_row_is_gone(self):
        pk = uuid.uuid4()
        with mock.patch("logging.Logger.warning") as warning:
            tasks.batch_upgrade_operation.run(batch_id=pk, firmwareless=False)
        warning.assert_called_once()
        text = warning.call_args.args[0] % warning.call_args.args[1:]
        self.assertIn(
            f"BatchUpgradeOperation object with id {pk} has been deleted", text
        )

    def test_time_limit_of_a_launch(self):
        env = self._create_upgrade_env()
        batch = BatchUpgradeOperation.objects.create(build=env["build2"])
        target = "upgrade_related_devices"
        with (
            mock.patch.object(
                BatchUpgradeOperation, target, side_effect=SoftTimeLimitExceeded
            ),
            mock.patch("logging.Logger.warning") as warning,
        ):
            tasks.batch_upgrade_operation.run(batch_id=batch.pk, firmwareless=False)
        warning.assert_called_once()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "failed")

    def test_stale_run_number_does_nothing(self):
        operation = self._operation()
        with mock.patch(self._mock_upgrade) as upgrade:
            tasks.upgrade_firmware.run(operation.pk, operation.runs + 7)
        upgrade.assert_not_called()
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.runs), ("in-progress", 0))

    def test_create_device_firmware(self):
        build = self._create_build(os=SYSTEM)
        image = self._create_firmware_image(build=build)
        with mock.patch.object(tasks.create_device_firmware, "delay") as delay:
            device = self._create_device_with_connection(
                os=SYSTEM, model=image.boards[0]
            )
        delay.assert_called_once_with(device.pk)
        tasks.create_device_firmware.run(device.pk)
        self.assertEqual(DeviceFirmware.objects.get().image, image)
        with mock.patch.object(DeviceFirmware, "create_for_device") as create:
            tasks.create_device_firmware.run(device.pk)
            tasks.create_device_firmware.run(uuid.uuid4())
        create.assert_not_called()

    def test_create_all_device_firmwares(self):
        build = self._create_build(os=SYSTEM)
        with mock.patch.object(tasks.create_all_device_firmwares, "delay"):
            image = self._create_firmware_image(build=build)
        other = self._create_org(name="other", slug="other")
        for number, (system, owner) in enumerate(
            ((SYSTEM, self._get_org()), ("another", self._get_org()), (SYSTEM, other))
        ):
            device = self._create_device(
                name=f"device{number}",
                mac_address=f"00:00:00:00:00:0{number}",
                os=system,
                model=image.boards[0],
                organization=owner,
            )
            self._create_config(device=device)
            login = {"credentials": self._get_credentials(organization=None)}
            with mock.patch.object(tasks.create_device_firmware, "delay"):
                self._create_device_connection(device=device, **login)
        tasks.create_all_device_firmwares.run(image.pk)
        row = DeviceFirmware.objects.get()
        self.assertEqual(row.device, Device.objects.get(name="device0"))
        self.assertTrue(row.installed)
        tasks.create_all_device_firmwares.run(uuid.uuid4())
        self.assertFalse(UpgradeOperation.objects.exists())

    def test_delete_firmware_files(self):
        with mock.patch.object(FirmwareImage, "_remove_file") as remove:
            tasks.delete_firmware_files.run(["a/1.bin", "b/2.bin"])
        self.assertEqual(
            remove.mock_calls, [mock.call("a/1.bin"), mock.call("b/2.bin")]
        )
