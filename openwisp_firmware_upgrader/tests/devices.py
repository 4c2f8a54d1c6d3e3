"""Simulated devices as the devices of tests, without a network."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

from swapper import load_model as load_any_model

from ..swapper import load_model
from ..testing import FakeDevice, release_of
from ..upgraders.openwrt import OpenWrt
from .base import TestUpgraderMixin

BEFORE, AFTER = release_of("1.0", "r1"), release_of("2.0", "r2")


class Speechless(Exception):
    """As jsonschema's, when its message is a lazy translation."""

    def __str__(self):
        return None


@contextmanager
def reached(fake):
    """Makes every device connection reach this device, and nothing wait."""
    model = load_any_model("connection", "DeviceConnection")
    with (
        mock.patch.object(model, "connector_instance", fake, create=True),
        mock.patch.multiple(OpenWrt, RECONNECT_DELAY=0, RECONNECT_RETRY_DELAY=0),
        mock.patch.object(OpenWrt, "RECONNECT_MAX_RETRIES", 2),
    ):
        yield fake


class FakeDeviceMixin(TestUpgraderMixin):
    """Makes an operation of a device that exists in memory only."""

    def _fake(self, device, **kwargs):
        return FakeDevice(uuid=device.pk, **{"release": BEFORE, **kwargs})

    def _environment(self, image_options=None, **device_options):
        """Returns a device running 1.0 and the image 2.0 for it."""
        build = self._create_build(version="2.0", os=AFTER)
        options = {"version": "2.0", "revision": "r2", **(image_options or {})}
        image = self._create_firmware_image(
            build=build, file=self._real_image_file(**options)
        )
        device = self._create_device_with_connection(
            model=image.boards[0], organization=self._get_org(), **device_options
        )
        return device, image

    def _operation(self, device, image, **kwargs):
        row = load_model("DeviceFirmware")(device=device, image=image)
        row.save(upgrade=False)
        operation = load_model("UpgradeOperation")(device=device, image=image, **kwargs)
        operation.full_clean()
        operation.save()
        return operation

    def _upgrade(self, faults=(), image_options=None, operation_options=None, **state):
        """Upgrades a device with faults; returns (operation, fake)."""
        device, image = self._environment(image_options)
        fake = self._fake(device, faults=list(faults), **state)
        operation = self._operation(device, image, **(operation_options or {}))
        with reached(fake):
            operation.upgrade(recoverable=False)
        operation.refresh_from_db()
        return operation, fake

    def _installed(self, operation):
        rows = load_model("DeviceFirmware").objects
        return rows.get(device=operation.device_id).installed
