"""Tests of the REST API; derived apps import the classes from here."""

from importlib import import_module

ROOMS = {
    "TestAPIUpgraderMixin": "base",
    "TestOrgAPIMixin": "base",
    "TestBuildViews": "test_builds",
    "TestCategoryViews": "test_categories",
    "TestBatchUpgradeOperationViews": "test_batches",
    "TestFirmwareImageViews": "test_images",
    "TestFirmwareDownloadPermissions": "test_images",
    "TestDeviceFirmwareImageViews": "test_device_firmware",
    "TestDeviceUpgradeOperationViews": "test_operations",
    "TestUpgradeOperationViews": "test_operations",
    "TestApiMisc": "test_misc",
}


# an eager import would make unittest find and run every test twice
def __getattr__(name):
    if name in ROOMS:
        return getattr(import_module(f".{ROOMS[name]}", __name__), name)
    raise AttributeError(name)
