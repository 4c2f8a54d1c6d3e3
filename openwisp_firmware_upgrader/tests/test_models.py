"""The models: what they validate, save and start."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from unittest import mock

from celery.exceptions import Retry
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone
from openwisp_controller.connection.tests.utils import CreateConnectionsMixin
from swapper import load_model as load_any_model

from .. import base, tasks
from .. import settings as app_settings
from ..base.models import PROGRESS_MAX, PROGRESS_MIN
from ..constants import (
    DEACTIVATED_DEVICE_FIRMWARE_ERROR,
    DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR,
)
from ..exceptions import (
    ReconnectionFailed,
    RecoverableFailure,
    UpgradeAborted,
    UpgradeCancelled,
    UpgradeNotNeeded,
)
from ..hardware import FIRMWARE_IMAGE_MAP, REVERSE_FIRMWARE_IMAGE_MAP
from ..signals import firmware_upgrader_log_updated
from ..swapper import load_model
from ..upgraders.openwrt import OpenWrt
from ..utils import UpgradeProgress
from .base import Device, DeviceConnection, TestUpgraderMixin, spy_mock

Location = load_any_model("geo", "Location")
DeviceLocation = load_any_model("geo", "DeviceLocation")
# apps derived from this one load other models under these names
BatchUpgradeOperation = load_model("BatchUpgradeOperation")
Build = load_model("Build")
Category = load_model("Category")
DeviceFirmware = load_model("DeviceFirmware")
FirmwareImage = load_model("FirmwareImage")
UpgradeOperation = load_model("UpgradeOperation")


class TestModels(TestUpgraderMixin, TestCase):
    _mock_updrade = "openwisp_firmware_upgrader.upgraders.openwrt.OpenWrt.upgrade"
    _mock_connect = "openwisp_controller.connection.models.DeviceConnection.connect"
    app_label = "openwisp_firmware_upgrader"
    os = "OpenWrt 19.07-SNAPSHOT r11061-6ffd4d8a4d"
    image_type = REVERSE_FIRMWARE_IMAGE_MAP["YunCore XD3200"]

    def _operation(self, **kwargs):
        env = self._create_upgrade_env()
        options = {"device": env["d1"], "image": env["image2a"], **kwargs}
        operation = UpgradeOperation(**options)
        operation.full_clean()
        operation.save()
        return operation

    def test_category(self):
        shared = self._create_category(name="shared", organization=None)
        self.assertEqual(str(shared), "shared")
        self.assertIsNone(shared.organization)
        self._create_category(name="mine")
        with self.assertRaises(ValidationError):
            self._create_category(name="mine")

    def test_build(self):
        build = self._create_build()
        self.assertEqual(str(build), f"{build.category} v0.1")
        self.assertTrue(str(Build()))
        with self.assertRaises(ValidationError):
            self._create_build()

    def test_os_identifier_is_unique_in_an_organization(self):
        build = self._create_build(os=self.os)
        build.full_clean()
        with self.assertRaises(ValidationError) as raised:
            self._create_build(os=self.os, version="0.2")
        self.assertIn("os", raised.exception.message_dict)
        other = self._create_org(name="other", slug="other")
        theirs = self._create_category(name="theirs", organization=other)
        self._create_build(os=self.os, category=theirs)
        shared = self._create_category(name="shared", organization=None)
        self._create_build(os=self.os, category=shared)
        again = self._create_category(name="shared too", organization=None)
        with self.assertRaises(ValidationError) as raised:
            self._create_build(os=self.os, category=again)
        self.assertIn("os", raised.exception.message_dict)

    def test_build_without_category_misses_its_category(self):
        for options in ({}, {"category": None}):
            with self.assertRaises(ValidationError) as raised:
                Build(version="1", os=self.os, **options).full_clean()
            self.assertEqual(set(raised.exception.message_dict), {"category"})

    def test_image(self):
        image = self._create_firmware_image()
        label = FIRMWARE_IMAGE_MAP[self.TPLINK_4300_IMAGE]["label"]
        self.assertEqual(str(image), f"{image.build}: {label}")
        self.assertIn(str(image.build.pk), image.file.name)
        self.assertEqual(image.boards, FIRMWARE_IMAGE_MAP[image.type]["boards"])
        for nothing in (FirmwareImage(), FirmwareImage(build=image.build)):
            self.assertTrue(str(nothing))

    def test_type_is_found_out_from_the_file_name(self):
        image = self._create_firmware_image(type="")
        self.assertEqual(image.type, self.TPLINK_4300_IMAGE)

    def test_type_without_boards_is_an_error_at_its_field(self):
        image = self._create_firmware_image()
        entry = FIRMWARE_IMAGE_MAP[self.TPLINK_4300_IMAGE]
        boards = entry.pop("boards")
        try:
            with self.assertRaises(ValidationError) as raised:
                image.full_clean()
        finally:
            entry["boards"] = boards
        self.assertIn("not find boards", raised.exception.message_dict["type"][0])

    def test_custom_image_type_is_the_first_choice(self):
        choices = FirmwareImage._meta.get_field("type").choices
        self.assertEqual(choices[0][0], "customimage-squashfs-sysupgrade.bin")
        self.assertEqual(REVERSE_FIRMWARE_IMAGE_MAP["CWAP1200"], choices[0][0])

    def test_file_that_is_too_large_is_refused(self):
        image = FirmwareImage(
            build=self._create_build(),
            type=self.TPLINK_4300_IMAGE,
            file=self._get_simpleuploadedfile(self.FAKE_IMAGE_PATH2),
        )
        field = FirmwareImage._meta.get_field("file")
        with (
            mock.patch.object(field, "max_file_size", 10),
            self.assertRaises(ValidationError) as raised,
        ):
            image.full_clean()
        self.assertIn("file", raised.exception.message_dict)
        image.full_clean()

    def test_deleting_an_image_leaves_its_operations(self):
        operation = self._operation()
        row = DeviceFirmware.objects.get(device=operation.device)
        row.image = operation.image
        row.save(upgrade=False)
        operation.image.delete()
        operation.refresh_from_db()
        self.assertIsNone(operation.image)
        self.assertFalse(DeviceFirmware.objects.filter(pk=row.pk).exists())

    def _remove(self, **behaviour):
        storage = mock.Mock(**behaviour)
        field = FirmwareImage.file.field
        path = f"{self.app_label.split('.')[0]}/image.bin"
        with (
            mock.patch.object(field, "storage", storage),
            mock.patch("openwisp_firmware_upgrader.base.models.logger") as logger,
        ):
            found = FirmwareImage._remove_file(path)
        return found, storage, logger, path

    def test_removing_the_last_file_removes_its_folder(self):
        found, storage, logger, path = self._remove(
            **{"listdir.return_value": ([], [])}
        )
        self.assertIs(found, True)
        folder = path.split("/")[0]
        self.assertEqual(
            storage.delete.mock_calls, [mock.call(path), mock.call(folder)]
        )
        texts = [call.args for call in logger.info.mock_calls]
        self.assertIn("Deleted firmware file", texts[0][0])
        self.assertEqual(texts[0][1], path)
        self.assertIn("Deleted empty directory", texts[1][0])
        self.assertEqual(texts[1][1], folder)

    def test_folder_with_other_files_stays(self):
        found, storage, logger, path = self._remove(
            **{"listdir.return_value": ([], ["other.bin"])}
        )
        self.assertIs(found, True)
        storage.delete.assert_called_once_with(path)
        self.assertIn("is not empty", logger.debug.call_args.args[0])

    def test_folder_that_is_gone_is_no_problem(self):
        found, _storage, logger, _path = self._remove(
            **{"listdir.side_effect": FileNotFoundError}
        )
        self.assertIs(found, True)
        self.assertIn("already removed", logger.debug.call_args.args[0])
        logger.error.assert_not_called()

    def test_file_or_folder_that_cannot_be_deleted(self):
        found, storage, logger, path = self._remove(
            **{"delete.side_effect": OSError("read only")}
        )
        self.assertIs(found, False)
        storage.listdir.assert_not_called()
        self.assertIn("Error deleting firmware file", logger.error.call_args.args[0])
        self.assertEqual(logger.error.call_args.args[1:], (path, "read only"))
        found, _storage, logger, _path = self._remove(
            **{"listdir.side_effect": OSError("denied")}
        )
        self.assertIs(found, True)
        self.assertIn("Could not delete directory", logger.error.call_args.args[0])

    def test_files_are_deleted_by_one_task_on_commit(self):
        image = self._create_firmware_image()
        with (
            mock.patch.object(transaction, "on_commit") as on_commit,
            mock.patch.object(tasks.delete_firmware_files, "delay") as delay,
        ):
            FirmwareImage.schedule_firmware_file_deletion(build=image.build)
            on_commit.assert_called_once()
            delay.assert_not_called()
            on_commit.call_args.args[0]()
        delay.assert_called_once_with([image.file.name])

    def test_nothing_is_scheduled_without_files(self):
        build = self._create_build()
        with mock.patch.object(transaction, "on_commit") as on_commit:
            FirmwareImage.schedule_firmware_file_deletion(build=build)
        on_commit.assert_not_called()

    def test_device_firmware_remembers_its_image(self):
        self.assertIsNone(DeviceFirmware()._old_image)
        row = self._create_device_firmware()
        self.assertEqual(row._old_image, row.image)
        self.assertFalse(row.image_has_changed)
        build = self._create_build(version="0.2")
        before, row.image = row.image, self._create_firmware_image(build=build)
        self.assertTrue(row.image_has_changed)
        self.assertEqual(row._old_image, before)
        row.save(upgrade=False)
        self.assertEqual(row._old_image, row.image)
        self.assertTrue(DeviceFirmware().image_has_changed)

    def test_device_firmware_without_device_or_image(self):
        with self.assertRaises(ValidationError) as raised:
            DeviceFirmware().full_clean()
        self.assertEqual(set(raised.exception.message_dict), {"device", "image"})

    def test_image_of_another_organization_is_refused(self):
        row = self._create_device_firmware()
        other = self._create_org(name="other", slug="other")
        row.image = self._create_firmware_image(organization=other)
        with self.assertRaises(ValidationError) as raised:
            row.full_clean()
        text = raised.exception.message_dict["image"][0]
        self.assertIn("organization of the image", text)

    def test_shared_image_fits_every_organization(self):
        row = self._create_device_firmware()
        row.image = self._create_firmware_image(organization=None)
        row.full_clean()

    def test_image_for_another_model_is_refused(self):
        row = self._create_device_firmware()
        Device.objects.filter(pk=row.device_id).update(model="Another model")
        row = DeviceFirmware.objects.get(pk=row.pk)
        with self.assertRaises(ValidationError) as raised:
            row.full_clean()
        self.assertIn("model do not match", str(raised.exception))

    def test_upgrade_needs_a_connection(self):
        image = self._create_firmware_image()
        device = self._create_device(model=image.boards[0])
        self._create_config(device=device)
        row = DeviceFirmware(device=device, image=image)
        with self.assertRaises(ValidationError) as raised:
            row.full_clean()
        self.assertIn("related connection", str(raised.exception))
        row._skip_connection_check = True
        row.full_clean()
        row.installed = True
        row.save(upgrade=False)
        # what is installed already needs none
        DeviceFirmware.objects.get(pk=row.pk).full_clean()

    def test_deactivated_devices_are_refused(self):
        operation = self._operation()
        operation.device.deactivate()
        row = DeviceFirmware.objects.get(device=operation.device)
        for refused, text in (
            (row, DEACTIVATED_DEVICE_FIRMWARE_ERROR),
            (operation, DEACTIVATED_DEVICE_UPGRADE_OPERATION_ERROR),
        ):
            refused.refresh_from_db()
            with self.assertRaises(ValidationError) as raised:
                refused.full_clean()
            self.assertIn(str(text), raised.exception.messages)
            self.assertIn("for deactivated devices", str(text))

    def test_saving_starts_an_upgrade_only_where_one_is_needed(self):
        row = self._create_device_firmware()
        self.assertEqual(UpgradeOperation.objects.count(), 0)
        row.installed = True
        row.save()
        self.assertEqual(UpgradeOperation.objects.count(), 0)
        row.image = self._create_firmware_image(build=self._create_build(version="0.2"))
        row.save(upgrade_options={"c": True})
        operation = UpgradeOperation.objects.get()
        self.assertFalse(row.installed)
        self.assertIsNone(operation.batch)
        self.assertEqual(operation.upgrade_options, {"c": True})
        self.assertEqual((operation.device, operation.image), (row.device, row.image))
        self.assertEqual(BatchUpgradeOperation.objects.count(), 0)

    def test_images_for_a_device(self):
        env = self._create_upgrade_env()
        shared = self._create_firmware_image(organization=None)
        other = self._create_org(name="other", slug="other")
        theirs = self._create_firmware_image(organization=other)
        find = DeviceFirmware.get_image_queryset_for_device
        found = set(find(env["d1"]))
        self.assertEqual(found, {env["image1a"], env["image2a"], shared})
        self.assertNotIn(theirs, found)
        found = set(find(env["d1"], env["device_fw1"]))
        self.assertEqual(found, {env["image1a"], env["image2a"]})
        env["d1"].model = "unknown"
        self.assertIn(env["image1b"], find(env["d1"]))

    def test_create_for_device(self):
        build = self._create_build(os=self.os)
        image = self._create_firmware_image(build=build)
        device = self._create_device_with_connection(
            os=self.os, model=image.boards[0], organization=build.category.organization
        )
        row = DeviceFirmware.create_for_device(device)
        self.assertEqual((row.image, row.installed), (image, True))
        self.assertFalse(UpgradeOperation.objects.exists())
        with mock.patch("logging.Logger.warning") as warning:
            self.assertIsNone(DeviceFirmware.create_for_device(device))
        warning.assert_called_once()
        device.model = "unknown"
        self.assertIsNone(DeviceFirmware.create_for_device(device, image))

    def test_who_a_build_would_upgrade(self):
        env = self._create_upgrade_env()
        build = env["build2"]
        found = BatchUpgradeOperation.dry_run(build=build)
        rows = [env["device_fw2"], env["device_fw1"]]
        self.assertQuerySetEqual(found["device_firmwares"], rows)
        self.assertQuerySetEqual(found["devices"], [])
        bare = self._create_firmwareless_device(env["category"].organization)
        Device.objects.filter(pk=bare.pk).update(model=env["image2a"].boards[0])
        found = BatchUpgradeOperation.dry_run(build=build)
        self.assertQuerySetEqual(found["devices"], [bare])
        with self.assertNumQueries(1):
            for row in found["device_firmwares"]:
                self.assertTrue(row.device.name and row.image.type)
        DeviceFirmware.objects.filter(pk=env["device_fw1"].pk).update(
            image=env["image2a"], installed=True
        )
        self.assertQuerySetEqual(
            build._find_related_device_firmwares(), [env["device_fw2"]]
        )
        bare.deactivate()
        env["d2"].deactivate()
        found = BatchUpgradeOperation.dry_run(build=build)
        self.assertQuerySetEqual(found["device_firmwares"], [])
        self.assertQuerySetEqual(found["devices"], [])

    def test_group_and_location_narrow_down_together(self):
        env = self._create_upgrade_env()
        group = self._create_device_group()
        place = Location.objects.create(
            name="roof", type="outdoor", organization=self._get_org()
        )
        Device.objects.filter(pk=env["d1"].pk).update(group=group)
        for device in (env["d1"], env["d2"]):
            DeviceLocation.objects.create(content_object=device, location=place)
        dry_run = BatchUpgradeOperation.dry_run
        rows = dry_run(build=env["build2"], location=place)["device_firmwares"]
        self.assertEqual(rows.count(), 2)
        rows = dry_run(build=env["build2"], group=group, location=place)
        self.assertQuerySetEqual(rows["device_firmwares"], [env["device_fw1"]])
        batch = env["build2"].batch_upgrade(False, group=group, location=place)
        self.assertEqual((batch.group, batch.location), (group, place))

    def test_batch_of_another_organizations_group_or_location(self):
        env = self._create_upgrade_env()
        other = self._create_org(name="other", slug="other")
        group = self._create_device_group(organization=other)
        place = Location.objects.create(name="x", type="outdoor", organization=other)
        for name, value in (("group", group), ("location", place)):
            batch = BatchUpgradeOperation(build=env["build2"], **{name: value})
            with self.assertRaises(ValidationError) as raised:
                batch.full_clean()
            self.assertIn(name, raised.exception.message_dict)
        env["category"].organization = None
        env["category"].save()
        batch.build.refresh_from_db()
        BatchUpgradeOperation(build=batch.build, group=group).full_clean()

    def test_batch_without_devices_is_refused(self):
        build = self._create_build()
        for firmwareless in (True, False):
            with self.assertRaises(ValidationError) as raised:
                build.batch_upgrade(firmwareless)
            self.assertIn("No devices found matching", str(raised.exception))

    def test_batch_is_launched_on_commit(self):
        env = self._create_upgrade_env()
        with mock.patch.object(tasks.batch_upgrade_operation, "delay") as delay:
            with self.captureOnCommitCallbacks(execute=True):
                batch = env["build2"].batch_upgrade(firmwareless=False)
                delay.assert_not_called()
            delay.assert_called_once_with(batch.pk, False)
        self.assertEqual((batch.status, batch.upgrade_options), ("idle", {}))
        moment = timezone.localtime(batch.created).strftime("%Y-%m-%d %H:%M:%S")
        self.assertEqual(str(batch), f"{batch.build} ({moment})")

    def _batch(self, *statuses):
        env = self._create_upgrade_env()
        batch = BatchUpgradeOperation.objects.create(
            build=env["build2"], status="in-progress"
        )
        UpgradeOperation.objects.bulk_create(
            UpgradeOperation(
                device=env["d1"], image=env["image2a"], batch=batch, status=status
            )
            for status in statuses
        )
        return batch

    def test_what_the_operations_of_a_batch_amount_to(self):
        cases = {
            ("in-progress", "failed", "success"): "in-progress",
            ("failed", "cancelled", "success"): "failed",
            ("aborted", "cancelled"): "failed",
            ("cancelled", "success"): "cancelled",
            ("success", "success"): "success",
            (): "in-progress",
        }
        batch = self._batch()
        for statuses, expected in cases.items():
            with self.subTest(statuses=statuses):
                UpgradeOperation.objects.all().delete()
                BatchUpgradeOperation.objects.update(status="in-progress")
                batch.refresh_from_db()
                for status in statuses:
                    UpgradeOperation.objects.bulk_create(
                        [
                            UpgradeOperation(
                                device=Device.objects.first(),
                                image=FirmwareImage.objects.first(),
                                batch=batch,
                                status=status,
                            )
                        ]
                    )
                status, stats = batch.calculate_and_update_status()
                self.assertEqual(status, expected)
                self.assertEqual(stats["total_operations"], len(statuses))
                running = statuses.count("in-progress")
                self.assertEqual(stats["in_progress"], running)
                self.assertEqual(stats["completed"], len(statuses) - running)
                self.assertEqual(stats["successful"], statuses.count("success"))
                for name in ("failed", "cancelled", "aborted"):
                    self.assertEqual(stats[name], statuses.count(name))
                batch.refresh_from_db()
                self.assertEqual(batch.status, expected)

    def test_rates_of_a_batch(self):
        batch = self._batch("success", "success", "failed")
        self.assertEqual(batch.total_operations, 3)
        self.assertEqual(batch.success_rate, Decimal("66.67"))
        self.assertEqual(batch.failed_rate, Decimal("33.33"))
        self.assertEqual((batch.aborted_rate, batch.cancelled_rate), (0, 0))
        self.assertEqual(str(batch.progress_report), "3 out of 3")
        UpgradeOperation.objects.all().delete()
        batch = BatchUpgradeOperation.objects.get()
        rates = (batch.success_rate, batch.failed_rate)
        self.assertEqual([(rate, type(rate)) for rate in rates], [(0, int)] * 2)

    def test_upgrader_of_a_batch(self):
        batch = self._batch()
        self.assertIs(batch.upgrader_class, OpenWrt)
        self.assertEqual(batch.upgrader_schema, OpenWrt.SCHEMA)
        none = DeviceFirmware.objects.none(), Device.objects.none()
        self.assertIsNone(batch._get_upgrader_class(*none))
        self.assertIsNone(batch._get_upgrader_schema(*none))

    def test_operation(self):
        operation = self._operation()
        moment = timezone.localtime(operation.created).strftime("%Y-%m-%d %H:%M:%S")
        self.assertEqual(str(operation), f"{operation.device} {moment}")
        self.assertEqual(operation.status, operation.CANCELLABLE_STATUS)
        self.assertIs(operation.upgrader_class, OpenWrt)
        self.assertEqual(operation.upgrader_schema, OpenWrt.SCHEMA)

    def test_options_are_validated_by_the_upgrader(self):
        operation = self._operation()
        fresh = {"device": operation.device, "image": operation.image}
        cases = (
            ({"n": True, "o": True}, '"-n" and "-o"'),
            ({"n": True, "c": True}, '"-n" and "-c"'),
            ({"c": "yes"}, "upgrade options are invalid"),
            ({"x": True}, "upgrade options are invalid"),
        )
        for options, text in cases:
            with self.subTest(options=options):
                new = UpgradeOperation(**fresh, upgrade_options=options)
                with self.assertRaises(ValidationError) as raised:
                    new.full_clean()
                self.assertIn(text, str(raised.exception))
        contradiction = UpgradeOperation(**fresh, upgrade_options=cases[0][0])
        with self.assertRaises(ValidationError) as raised:
            contradiction.full_clean()
        self.assertIn("upgrade_options", raised.exception.message_dict)
        with mock.patch.object(OpenWrt, "SCHEMA", None):
            new = UpgradeOperation(**fresh, upgrade_options={"c": True})
            with self.assertRaises(ValidationError) as raised:
                new.full_clean()
        self.assertIn("not allowed", str(raised.exception))
        operation.device.deviceconnection_set.all().delete()
        new = UpgradeOperation(**fresh, upgrade_options={"c": True})
        with self.assertRaises(ValidationError) as raised:
            new.full_clean()
        self.assertIn("connection", str(raised.exception))
        UpgradeOperation(**fresh).full_clean()

    def test_stored_options_stay_valid(self):
        operation = self._operation(upgrade_options={"c": True})
        operation.device.deviceconnection_set.all().delete()
        operation.full_clean()

    def test_log_and_its_signal(self):
        operation = self._operation()
        heard = mock.Mock()

        def receiver(sender, instance, line, **kwargs):
            heard(sender, line)

        firmware_upgrader_log_updated.connect(receiver)
        try:
            operation.log_line("one", save=False)
            heard.assert_not_called()
            self.assertEqual(UpgradeOperation.objects.get().log, "")
            operation.log_line("two")
        finally:
            firmware_upgrader_log_updated.disconnect(receiver)
        heard.assert_called_once_with(UpgradeOperation, "two")
        self.assertEqual(operation.log, "one\ntwo")
        self.assertEqual(UpgradeOperation.objects.get().log, "one\ntwo")

    def test_log_line_inserts_an_unsaved_operation(self):
        stored = self._operation()
        fresh = UpgradeOperation(device=stored.device, image=stored.image)
        fresh.log_line("first")
        fresh.refresh_from_db()
        self.assertEqual(fresh.log, "first")

    def test_progress(self):
        operation = self._operation()
        operation.update_progress(75.7)
        operation.refresh_from_db()
        self.assertEqual(operation.progress, 75)
        operation.update_progress(80, save=False)
        self.assertEqual(UpgradeOperation.objects.get().progress, 75)
        for value in (-1, 101):
            with self.assertRaises(ValidationError) as raised:
                operation.update_progress(value)
            self.assertIn("Progress must be between", str(raised.exception))
            self.assertIn(str(value), str(raised.exception))
        with self.assertRaises(ValidationError) as raised:
            operation.update_progress("fifty")
        self.assertIn("Progress must be numeric", str(raised.exception))
        self.assertIn("str", str(raised.exception))
        self.assertEqual((PROGRESS_MIN, PROGRESS_MAX), (0, 100))

    def test_cancel(self):
        operation = self._operation()
        stale = UpgradeOperation.objects.get(pk=operation.pk)
        operation.cancel()
        self.assertEqual(operation.status, "cancelled")
        operation.refresh_from_db()
        self.assertEqual(operation.status, "cancelled")
        self.assertIn("cancelled by user", operation.log)
        for each in (operation, stale):
            with self.assertRaises(ValueError) as raised:
                each.cancel()
            self.assertIn("cancelled", str(raised.exception))

    def test_cancel_is_refused_once_the_flash_has_begun(self):
        operation = self._operation(progress=UpgradeProgress.CANCELLATION_THRESHOLD)
        with self.assertRaises(ValueError) as raised:
            operation.cancel()
        self.assertIn("reflashing has already started", str(raised.exception))
        operation.refresh_from_db()
        self.assertEqual(operation.status, "in-progress")

    def test_cancel_settles_the_batch(self):
        batch = self._batch("in-progress")
        batch.upgradeoperation_set.get().cancel()
        batch.refresh_from_db()
        self.assertEqual(batch.status, "cancelled")

    def test_ended_operation_is_not_upgraded(self):
        operation = self._operation(status="failed")
        with mock.patch.object(DeviceConnection, "get_working_connection") as find:
            operation.upgrade()
        find.assert_not_called()

    def test_deactivated_device_is_not_connected_to(self):
        operation = self._operation()
        operation.device.deactivate()
        with mock.patch.object(DeviceConnection, "get_working_connection") as find:
            operation.upgrade()
        find.assert_not_called()
        operation.refresh_from_db()
        self.assertEqual(operation.status, "aborted")
        self.assertIn("deactivated", operation.log)

    def test_seams(self):
        self.assertTrue(base.models.logger)
        spy = spy_mock(lambda value: value + 1, pre_action=lambda value: None)
        self.assertEqual(spy(1), 2)
        spy.mock.assert_called_once_with(1)


class TestModelsTransaction(
    TestUpgraderMixin, CreateConnectionsMixin, TransactionTestCase
):
    _mock_updrade = TestModels._mock_updrade
    _mock_connect = TestModels._mock_connect
    app_label = TestModels.app_label
    os = TestModels.os
    image_type = TestModels.image_type

    @contextmanager
    def _upgrader(self, **behaviour):
        with (
            mock.patch(self._mock_updrade, **behaviour) as upgrade,
            mock.patch(self._mock_connect, return_value=True),
        ):
            yield upgrade

    def _start(self):
        """Starts the upgrade of a device to a newer build, as pages do."""
        row = self._create_device_firmware()
        row.image = self._create_firmware_image(
            build=self._create_build(version="0.2"),
            file=self._get_simpleuploadedfile(self.FAKE_IMAGE_PATH2),
        )
        row.full_clean()
        row.save()
        row.refresh_from_db()
        return row, UpgradeOperation.objects.get()

    def test_upgrade_that_returns_is_a_success(self):
        with self._upgrader(return_value=True) as upgrade:
            row, operation = self._start()
        upgrade.assert_called_once_with(operation.image.file)
        self.assertEqual((operation.status, operation.progress), ("success", 100))
        self.assertTrue(row.installed)

    def test_outcomes(self):
        cases = (
            (UpgradeNotNeeded("not needed"), "success", True),
            (UpgradeAborted("aborted"), "aborted", False),
            (UpgradeCancelled(), "cancelled", False),
            (ReconnectionFailed("Giving up"), "failed", True),
            (ValueError("broken"), "failed", False),
        )
        for error, status, installed in cases:
            with self.subTest(error=error), self._upgrader(side_effect=error):
                row, operation = self._start()
                self.assertEqual(operation.status, status, operation.log)
                self.assertEqual(row.installed, installed)
                self.assertIn(str(error), operation.log)
                if isinstance(error, ReconnectionFailed):
                    connection = row.device.deviceconnection_set.get()
                    self.assertIs(connection.is_working, False)
                    self.assertEqual(connection.failure_reason, str(error))
                    self.assertIsNotNone(connection.last_attempt)
            self._clear()

    def _clear(self):
        UpgradeOperation.objects.all().delete()
        DeviceFirmware.objects.all().delete()
        Device.objects.all().delete()
        FirmwareImage.objects.all().delete()
        Build.objects.all().delete()
        load_any_model("connection", "Credentials").objects.all().delete()

    def test_recoverable_failure_is_tried_again_until_it_is_the_last(self):
        error = RecoverableFailure("the link broke")
        retries = mock.patch.object(tasks.upgrade_firmware, "max_retries", 0)
        with self._upgrader(side_effect=error) as upgrade, retries:
            _row, operation = self._start()
        upgrade.assert_called_once()
        self.assertEqual(operation.status, "failed")
        self.assertIn("Max retries exceeded.", operation.log)

    def test_recoverable_failure_stays_in_progress_for_its_retry(self):
        with self._upgrader(side_effect=RecoverableFailure("once")):
            with mock.patch.object(tasks.upgrade_firmware, "delay"):
                _row, operation = self._start()
            with self.assertRaises(RecoverableFailure):
                operation.upgrade(recoverable=True)
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.progress), ("in-progress", 0))
        self.assertIn("Detected a recoverable failure", operation.log)
        self.assertIn("will be retried soon", operation.log)

    def test_failed_connections_are_named_one_by_one(self):
        reason = "no route"

        def connect(connection):
            connection.failure_reason = reason
            connection.is_working = False
            connection.save()
            return False

        with (
            mock.patch(self._mock_connect, autospec=True, side_effect=connect),
            mock.patch.object(tasks.upgrade_firmware, "max_retries", 0),
        ):
            row, operation = self._start()
        line = operation.log.splitlines()[0]
        login = row.device.deviceconnection_set.get().credentials
        for words in ("Failed to connect with", row.device.name, str(login), reason):
            self.assertIn(words, line)
        self.assertIn("tried all DeviceConnections", operation.log)
        self.assertEqual(operation.status, "failed")
        self.assertFalse(row.installed)

    def test_eager_task_raises_celerys_retry(self):
        with mock.patch(self._mock_connect, return_value=False):
            with mock.patch.object(tasks.upgrade_firmware, "delay"):
                _row, operation = self._start()
            with (
                mock.patch.object(tasks.upgrade_firmware, "max_retries", 1),
                self.assertRaises((Retry, RecoverableFailure)),
            ):
                tasks.upgrade_firmware.run(operation.pk)
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.attempts), ("in-progress", 1))

    def test_device_without_connection(self):
        with mock.patch.object(tasks.upgrade_firmware, "delay"):
            row, operation = self._start()
        row.device.deviceconnection_set.update(enabled=False)
        operation.upgrade()
        operation.refresh_from_db()
        self.assertEqual(operation.status, "aborted")
        self.assertIn("connection", operation.log)

    def test_upgrader_that_is_not_known(self):
        with (
            mock.patch.object(app_settings, "UPGRADERS_MAP", {}),
            mock.patch("logging.Logger.exception"),
            mock.patch(self._mock_connect, return_value=True),
        ):
            _row, operation = self._start()
        self.assertEqual(operation.status, "aborted")
        self.assertIn("OPENWISP_FIRMWARE_UPGRADERS_MAP", operation.log)

    def test_batch_from_launch_to_end(self):
        with self._upgrader(return_value=True):
            env = self._create_upgrade_env()
            batch = env["build2"].batch_upgrade(firmwareless=False)
        batch.refresh_from_db()
        self.assertEqual(batch.status, "success")
        self.assertEqual(batch.upgradeoperation_set.count(), 2)
        for row in DeviceFirmware.objects.all():
            self.assertEqual((row.image.build, row.installed), (env["build2"], True))
        found = BatchUpgradeOperation.dry_run(build=env["build2"])
        self.assertFalse(found["device_firmwares"].exists())

    def test_batch_with_firmwareless_devices(self):
        with self._upgrader(return_value=True):
            env = self._create_upgrade_env(device_firmware=False)
            batch = env["build2"].batch_upgrade(firmwareless=True)
        self.assertEqual(batch.upgradeoperation_set.count(), 2)
        self.assertEqual(DeviceFirmware.objects.filter(installed=True).count(), 2)

    def test_files_go_with_their_owners(self):
        for name in ("build", "category", "organization"):
            with self.subTest(owner=name):
                owner = self._create_org(name=name, slug=name)
                image = self._create_firmware_image(organization=owner)
                path = Path(image.file.path)
                self.assertTrue(path.exists())
                {
                    "build": image.build,
                    "category": image.build.category,
                    "organization": owner,
                }[name].delete()
                self.assertFalse(path.exists())
                self.assertFalse(path.parent.exists())

    def test_one_image_a_type(self):
        image = self._create_firmware_image()
        with self.assertRaises((ValidationError, IntegrityError)):
            self._create_firmware_image(build=image.build)
