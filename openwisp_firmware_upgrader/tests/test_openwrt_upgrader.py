"""The upgrader of OpenWrt: its interface, commands, counts and log."""

from __future__ import annotations

import queue
import uuid
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest import mock

import jsonschema
from django.test import TransactionTestCase
from openwisp_controller.connection.connectors.exceptions import (
    CommandFailedException,
)
from openwisp_controller.connection.connectors.openwrt.ssh import (
    OpenWrt as OpenWrtConnector,
)
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError

from .. import tasks
from ..exceptions import FirmwareUpgradeOptionsException, UpgradeCancelled
from ..swapper import load_model
from ..upgraders.openwisp import OpenWisp1
from ..upgraders.openwisp import OpenWrt as AlsoOpenWrt
from ..upgraders.openwrt import OpenWrt
from .base import Credentials, DeviceConnection, TestUpgraderMixin
from .devices import FakeDeviceMixin, reached

DeviceFirmware = load_model("DeviceFirmware")
UpgradeOperation = load_model("UpgradeOperation")

SERVICES = [
    "uhttpd",
    "dnsmasq",
    "openwisp_config",
    "openwisp-config",
    "openwisp-monitoring",
    "cron",
    "rpcd",
    "rssileds",
    "odhcpd",
    "log",
]
MEMINFO = "cat /proc/meminfo | grep MemAvailable"
FREE_MEMORY = ["rm -rf /tmp/opkg-lists/", "sync && echo 3 > /proc/sys/vm/drop_caches"]
MARKER = "/etc/openwisp/firmware_checksum"
FALSE_POSITIVE = (
    "Command failed: ubus call system sysupgrade "
    '{ "prefix": "\\/tmp\\/root", "path": "\\/tmp\\/openwrt-image.bin", '
    '"backup": "\\/tmp\\/sysupgrade.tgz", '
    '"command": "\\/lib\\/upgrade\\/do_stage2", '
    '"options": { "save_partitions": 1 } } (Connection failed)'
)


class SilentDevice:
    """Answers the commands of 1.3.1 only, and counts; a device of the year 2012.

    Attributes:
        answers: what it answers to a command, instead of nothing.
        unknown: what it makes of commands it does not know: an answer, or an
            exception to raise.
    """

    def __init__(self, device_id, unknown=("", 0), **answers):
        self.commands: list[str] = []
        self.unknown = unknown
        self.answers = {
            "uci get openwisp.http.uuid": (str(device_id), 0),
            f"test -f {MARKER}": ("", 1),
            MEMINFO: ("MemAvailable:      66984 kB", 0),
            **answers,
        }

    def exec_command(self, command, **kwargs):
        """Stands for ``OpenWrt.exec_command``."""
        self.commands.append(command)
        if command in self.answers:
            found = self.answers[command]
        elif command in OURS:
            found = self.unknown
        else:
            found = ("", 0)
        if isinstance(found, Exception):
            raise found
        return found


OURS = {
    "cat /proc/sys/kernel/random/boot_id",
    "ubus call system board",
    "test -d /overlay/upper/etc",
    "df -k /tmp",
}


class TestOpenwrtUpgrader(FakeDeviceMixin, TestUpgraderMixin, TransactionTestCase):
    def _upgrader(self, cls=OpenWrt, **options):
        device, image = self._environment()
        operation = self._operation(device, image, upgrade_options=options)
        return cls(operation, device.deviceconnection_set.first())

    @contextmanager
    def _mocked(self, device=None, **patches):
        """Mocks the network below the connector and all waits, as 1.3.1's tests do."""
        values = {"RECONNECT_DELAY": 0, "RECONNECT_RETRY_DELAY": 0}
        with ExitStack() as stack:
            enter = stack.enter_context
            enter(mock.patch("paramiko.SSHClient.connect"))
            enter(mock.patch.multiple(OpenWrt, **values))
            found = SimpleNamespace(
                upload=enter(mock.patch.object(OpenWrtConnector, "upload")),
                connect=enter(mock.patch.object(OpenWrtConnector, "connect")),
            )
            for name, value in patches.items():
                enter(mock.patch.object(DeviceConnection, name, **value))
            if device is not None:
                run = {"side_effect": device.exec_command}
                enter(mock.patch.object(OpenWrt, "exec_command", **run))
            yield found

    def _run(self, device_options=None, image_options=None, **patches):
        device, image = self._environment(image_options)
        operation = self._operation(device, image)
        silent = SilentDevice(device.pk, **(device_options or {}))
        with self._mocked(silent, **patches) as mocks:
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        return operation, silent, mocks

    def test_interface(self):
        self.assertIs(AlsoOpenWrt, OpenWrt)
        found = {
            name: getattr(OpenWrt, name)
            for name in (
                "CHECKSUM_FILE",
                "REMOTE_UPLOAD_DIR",
                "RECONNECT_DELAY",
                "RECONNECT_RETRY_DELAY",
                "RECONNECT_MAX_RETRIES",
                "UPGRADE_TIMEOUT",
                "UPGRADE_COMMAND",
                "_SYSUPGRADE",
                "log_lines",
                "_non_critical_services",
            )
        }
        self.assertEqual(
            found,
            {
                "CHECKSUM_FILE": MARKER,
                "REMOTE_UPLOAD_DIR": "/tmp",
                "RECONNECT_DELAY": 150,
                "RECONNECT_RETRY_DELAY": 30,
                "RECONNECT_MAX_RETRIES": 10,
                "UPGRADE_TIMEOUT": 80,
                "UPGRADE_COMMAND": "{sysupgrade} -v {flags} {path}",
                "_SYSUPGRADE": "/sbin/sysupgrade",
                "log_lines": None,
                "_non_critical_services": SERVICES,
            },
        )
        for name in (
            "validate_upgrade_options",
            "log",
            "connect",
            "disconnect",
            "exec_command",
            "upload",
            "upgrade",
            "verify",
            "check_memory",
            "get_remote_path",
            "get_upgrade_command",
            "_verify_device_uuid",
            "_check_cancellation",
            "_test_connection",
            "_test_checksum",
            "_test_image",
            "_reflash",
            "_call_reflash_command",
            "_refresh_addresses",
            "_log_reconnecting_error",
            "_write_checksum",
            "_get_mib",
            "_get_free_memory",
            "_free_memory",
            "_stop_non_critical_services",
            "_start_non_critical_services",
        ):
            self.assertTrue(callable(getattr(OpenWrt, name)), name)
        upgrader = self._upgrader()
        self.assertFalse(upgrader._non_critical_services_stopped)
        self.assertFalse(hasattr(upgrader, "addresses"))
        self.assertEqual(
            upgrader.get_remote_path(SimpleNamespace(name="build/firmware.bin")),
            "/tmp/firmware.bin",
        )
        self.assertEqual([upgrader._get_mib(0), upgrader._get_mib(1572864)], [0, 1.5])

    def test_schema(self):
        schema = OpenWrt.SCHEMA
        self.assertEqual(list(schema["properties"]), list("conupkF"))
        self.assertIs(schema["additionalProperties"], False)
        for flag, option in schema["properties"].items():
            self.assertEqual(
                (option["type"], option["format"]), ("boolean", "checkbox")
            )
            self.assertTrue(str(option["title"]).endswith(f"(-{flag})"))
        self.assertIs(schema["properties"]["c"]["default"], True)
        self.assertIs(OpenWisp1.SCHEMA, schema)
        for wrong in ({"c": 1}, {"z": True}, []):
            with self.assertRaises(jsonschema.ValidationError):
                OpenWrt.validate_upgrade_options(wrong)
        both = {"n": True, "o": True, "c": True}
        with self.assertRaises(FirmwareUpgradeOptionsException) as raised:
            OpenWrt.validate_upgrade_options(both)
        text = str(raised.exception.args[0]["upgrade_options"])
        self.assertIn('"-n" and "-o" options cannot be used together', text)
        OpenWrt.validate_upgrade_options({"n": True, "o": False, "c": False})

    def test_upgrade_command(self):
        names = dict.fromkeys("conupkF", False)
        cases = (
            ({}, "-v -c /tmp/i.bin"),
            ({**names, "c": True, "F": True}, "-v -c -F /tmp/i.bin"),
            ({"F": True, "n": True, "c": False}, "-v -F -n /tmp/i.bin"),
            ({"n": True}, "-v -n /tmp/i.bin"),
        )
        upgrader = self._upgrader()
        for options, expected in cases:
            with self.subTest(options=options):
                upgrader.upgrade_operation.upgrade_options = options
                command = upgrader.get_upgrade_command("/tmp/i.bin")
                self.assertEqual(command, f"/sbin/sysupgrade {expected}")
        old = OpenWisp1(upgrader.upgrade_operation, upgrader.connection)
        command = old.get_upgrade_command("/tmp/i.bin")
        self.assertEqual(command, "/sbin/sysupgrade -c -n /tmp/i.bin")
        self.assertEqual(OpenWisp1.RECONNECT_DELAY, 360)

    def test_commands_go_to_the_connector(self):
        upgrader = self._upgrader()
        run = mock.Mock(return_value=("", 0))
        with mock.patch.object(
            upgrader.connection.connector_instance, "exec_command", run
        ):
            upgrader.exec_command("uptime", timeout=3)
        run.assert_called_once_with("uptime", timeout=3)

    def test_success_on_a_device_that_answers_as_ever(self):
        for unknown in (("", 0), ("", 127), ValueError("unknown command")):
            with self.subTest(unknown=unknown):
                operation, device, mocks = self._run({"unknown": unknown})
                self.assertEqual(operation.status, "success", operation.log)
                self.assertEqual(operation.progress, 100)
                self.assertTrue(self._installed(operation))
                mocks.upload.assert_called_once()
                flashes = [c for c in device.commands if "sysupgrade -v" in c]
                self.assertEqual(len(flashes), 1)
                checksum = operation.image.checksum
                self.assertEqual(device.commands[-2], "mkdir -p /etc/openwisp")
                self.assertEqual(device.commands[-1], f"echo {checksum} > {MARKER}")
                place = operation.log.find
                texts = (
                    "Connection successful",
                    "Device identity verified successfully",
                    "Upgrade operation in progress",
                    "Connected! Writing checksum",
                    "Upgrade completed successfully",
                )
                found = [place(text) for text in texts]
                self.assertNotIn(-1, found, operation.log)
                self.assertEqual(found, sorted(found))
            self._clear()

    def _clear(self):
        operation = UpgradeOperation.objects.get()
        operation.device.delete(check_deactivated=False)
        operation.image.build.delete()
        load_model("Category").objects.all().delete()
        Credentials.objects.all().delete()

    def test_checksum_file_with_another_image(self):
        operation, _device, _mocks = self._run(
            {f"test -f {MARKER}": ("", 0), f"cat {MARKER}": ("abc", 0)}
        )
        self.assertEqual(operation.status, "success")
        self.assertIn("Image checksum file found", operation.log)
        self.assertIn("Checksum different, proceeding", operation.log)

    def test_not_needed(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        answers = {f"test -f {MARKER}": ("", 0), f"cat {MARKER}": (image.checksum, 0)}
        silent = SilentDevice(device.pk, **answers)
        with self._mocked(silent) as mocks:
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual((operation.status, operation.progress), ("success", 100))
        self.assertIn("upgrade not needed", operation.log)
        self.assertTrue(self._installed(operation))
        mocks.upload.assert_not_called()
        self.assertEqual(silent.commands[1:3], [f"test -f {MARKER}", f"cat {MARKER}"])

    def test_identity(self):
        command = "uci get openwisp.http.uuid"
        other = str(uuid.uuid4())
        for answer, words in (
            (("", 1), ["Could not read device"]),
            (("  \n", 0), ["Could not read device"]),
            ((other, 0), ["Device UUID mismatch", other]),
        ):
            with self.subTest(answer=answer):
                operation, device, mocks = self._run({command: answer})
                self.assertEqual(operation.status, "aborted")
                for text in words:
                    self.assertIn(text, operation.log)
                self.assertEqual(device.commands, [command])
                mocks.upload.assert_not_called()
                self.assertFalse(self._installed(operation))
                connection = operation.device.deviceconnection_set.get()
                self.assertIsNot(connection.is_working, False)
            self._clear()

    def test_identity_without_dashes(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        answers = {"uci get openwisp.http.uuid": (f"{device.pk.hex}\n", 0)}
        with self._mocked(SilentDevice(device.pk, **answers)):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)

    def _stops(self, device, action):
        names = [
            f"test -f /etc/init.d/{s} && /etc/init.d/{s} {action}" for s in SERVICES
        ]
        return [command for command in device.commands if command in names] == names

    def test_memory_that_cannot_be_freed(self):
        operation, device, mocks = self._run({MEMINFO: ("MemAvailable: 0 kB", 0)})
        self.assertEqual(operation.status, "aborted")
        mocks.upload.assert_not_called()
        for text in (
            "The image size",
            "0 MiB",
            "try to free up",
            "still not enough available",
            "Starting non critical services",
            "Non critical services started",
        ):
            self.assertIn(text, operation.log)
        self.assertTrue(self._stops(device, "stop"))
        self.assertTrue(self._stops(device, "start"))
        wifi = [c for c in device.commands if "/sbin/wifi" in c]
        self.assertEqual(
            wifi, [f"test -f /sbin/wifi && /sbin/wifi {way}" for way in ("down", "up")]
        )
        self.assertFalse(self._installed(operation))

    def test_memory_that_is_freed(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        silent = SilentDevice(device.pk)
        answers = iter([("MemAvailable: 0 kB", 0), ("MemAvailable: 66984 kB", 0)])

        def run(command, **kwargs):
            found = silent.exec_command(command, **kwargs)
            return next(answers) if command == MEMINFO else found

        with self._mocked(SimpleNamespace(exec_command=run)):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)
        self.assertIn("Enough available memory", operation.log)
        self.assertIn("65.41 MiB", operation.log)
        self.assertTrue(self._stops(silent, "stop"))
        self.assertFalse(self._stops(silent, "start"))

    def test_memory_of_kernels_without_available(self):
        free = MEMINFO.replace("MemAvailable", "MemFree")
        operation, device, _mocks = self._run(
            {MEMINFO: ("", 1), free: ("MemFree: 66984 kB", 0)}
        )
        self.assertEqual(operation.status, "success", operation.log)
        place = device.commands.index(free)
        self.assertEqual(device.commands[place - 3 : place], [*FREE_MEMORY, MEMINFO])

    def test_image_that_the_device_refuses(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        path = f"/tmp/{image.file.name.split('/')[-1]}"
        test = f"/sbin/sysupgrade --test {path}"
        answers = {test: CommandFailedException("Invalid image type")}
        silent = SilentDevice(device.pk, **answers)
        with self._mocked(silent) as mocks:
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "aborted")
        self.assertIn("Invalid image type", operation.log)
        mocks.upload.assert_called_once()
        self.assertFalse(self._installed(operation))

    def test_upload_that_fails_is_tried_again_and_ends(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        with self._mocked(SilentDevice(device.pk)) as mocks:
            mocks.upload.side_effect = ValueError("broken pipe")
            with mock.patch.object(tasks.upgrade_firmware, "max_retries", 0):
                tasks.upgrade_firmware.delay(operation.pk)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "failed")
        self.assertIn("broken pipe", operation.log)
        self.assertIn("Max retries exceeded.", operation.log)

    def test_flash_command(self):
        upgrader = self._upgrader()
        failures = queue.Queue()
        with (
            mock.patch.object(OpenWrt, "exec_command", return_value=("", 0)) as run,
            mock.patch.object(OpenWrt, "connect"),
        ):
            OpenWrt._call_reflash_command(upgrader, "/tmp/i.bin", 10, failures)
        self.assertTrue(failures.empty())
        remove, flash = run.mock_calls
        text = "rm /etc/openwisp/checksum 2> /dev/null"
        self.assertEqual(remove, mock.call(text, exit_codes=[0, -1, 1]))
        self.assertEqual(flash.args, ("/sbin/sysupgrade -v -c /tmp/i.bin",))
        self.assertEqual(flash.kwargs["timeout"], 10)
        self.assertEqual(flash.kwargs["exit_codes"], [0, -1])

    def test_flash_command_that_raises(self):
        upgrader = self._upgrader()
        failures = queue.Queue()
        error = ValueError("no such command")
        with mock.patch.object(OpenWrt, "exec_command", side_effect=error):
            OpenWrt._call_reflash_command(upgrader, "/tmp/i.bin", 10, failures)
        self.assertIs(failures.get_nowait(), error)

    def _flashed_with(self, answer):
        device, image = self._environment()
        operation = self._operation(device, image)
        path = f"/tmp/{image.file.name.split('/')[-1]}"
        flash = f"/sbin/sysupgrade -v -c {path}"
        silent = SilentDevice(device.pk, **{flash: answer})
        with self._mocked(silent):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        return operation

    def test_answer_that_only_looks_like_a_failure(self):
        operation = self._flashed_with((FALSE_POSITIVE, 1))
        self.assertEqual(operation.status, "success", operation.log)

    def test_refusal_is_a_failure_in_the_devices_words(self):
        text = "Image check failed: not supported by this image"
        operation = self._flashed_with((text, 1))
        self.assertEqual(operation.status, "failed")
        self.assertIn(text, operation.log)
        self.assertFalse(self._installed(operation))

    def test_device_that_never_comes_back(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        silent = SilentDevice(device.pk)
        with self._mocked(silent) as mocks:
            mocks.connect.side_effect = [None, None] + [OSError("no route")] * 99
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "failed")
        self.assertTrue(self._installed(operation))
        # one finds the working connection, one starts, ten reconnect
        self.assertEqual(mocks.connect.call_count, 12)
        for text in ("Trying to reconnect", "Device not reachable yet", "Giving up"):
            self.assertIn(text, operation.log)
        self.assertIn("(attempt n.10)", operation.log)
        connection = device.deviceconnection_set.get()
        self.assertIs(connection.is_working, False)
        self.assertIn("Giving up", connection.failure_reason)

    def test_address_that_changes_meanwhile(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        real, tries = DeviceConnection.get_working_connection, []

        def find(found_device):
            tries.append(found_device)
            if len(tries) in (2, 3):
                if len(tries) == 3:
                    type(device).objects.update(management_ip="10.40.0.9")
                connection = device.deviceconnection_set.get()
                raise NoWorkingDeviceConnectionError(connection=connection)
            return real(found_device)

        finding = {"get_working_connection": {"side_effect": find}}
        with self._mocked(SilentDevice(device.pk), **finding):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        self.assertEqual(operation.status, "success", operation.log)
        lines = [line for line in operation.log.splitlines() if "reconnect" in line]
        self.assertEqual(len(lines), 3, operation.log)
        self.assertNotIn("10.40.0.9", lines[0])
        self.assertIn("10.40.0.9", lines[2])

    def test_cancel_at_a_point_between_two_steps(self):
        upgrader = self._upgrader()
        upgrader._check_cancellation()
        UpgradeOperation.objects.update(status="aborted")
        upgrader._check_cancellation()
        UpgradeOperation.objects.update(status="cancelled")
        with (
            mock.patch.object(OpenWrt, "exec_command", return_value=("", 0)) as run,
            self.assertRaises(UpgradeCancelled),
        ):
            upgrader._check_cancellation()
        run.assert_not_called()

    def test_cancel_starts_stopped_services_again(self):
        device, image = self._environment()
        operation = self._operation(device, image)
        fake = self._fake(device)
        with reached(fake):
            connection = DeviceConnection.get_working_connection(device)
            upgrader = OpenWrt(operation, connection)
            upgrader._stop_non_critical_services()
            self.assertTrue(upgrader._non_critical_services_stopped)
            self.assertFalse(any(fake.device.services[s] for s in ("cron", "uhttpd")))
            UpgradeOperation.objects.get().cancel()
            with self.assertRaises(UpgradeCancelled):
                upgrader._check_cancellation()
        self.assertTrue(all(fake.device.services.values()))
        self.assertFalse(fake.is_connected)
        operation.refresh_from_db()
        self.assertIn("Starting non critical services", operation.log)

    def test_openwisp1(self):
        upgrader = self._upgrader(OpenWisp1)
        usage = "Usage: /sbin/sysupgrade [<upgrade-option>...]"
        with mock.patch.object(
            OpenWisp1, "exec_command", return_value=(usage, 1)
        ) as run:
            upgrader._test_image("/tmp/i.bin")
        run.assert_called_once_with("/sbin/sysupgrade --help", exit_codes=[1])
        answers = [(f"{usage} --test", 1), ("", 0)]
        with mock.patch.object(OpenWisp1, "exec_command", side_effect=answers) as run:
            upgrader._test_image("/tmp/i.bin")
        self.assertEqual(run.call_count, 2)
        failures = queue.Queue()
        with mock.patch.object(OpenWisp1, "exec_command", return_value=("", 0)) as run:
            OpenWisp1._call_reflash_command(upgrader, "/tmp/i.bin", 10, failures)
        self.assertTrue(failures.empty())
        commands = [call.args[0] for call in run.mock_calls]
        self.assertEqual(
            commands[:2],
            [
                "echo /etc/config/network >> /etc/sysupgrade.conf",
                "echo /etc/dropbear/dropbear_rsa_host_key >> /etc/sysupgrade.conf",
            ],
        )
        self.assertEqual(commands[-1], "/sbin/sysupgrade -c -n /tmp/i.bin")
