"""The core's own tests, with the models of an app that extends it."""

from openwisp_firmware_upgrader.tests.test_models import TestModels as BaseTestModels
from openwisp_firmware_upgrader.tests.test_models import (
    TestModelsTransaction as BaseTestModelsTransaction,
)
from openwisp_firmware_upgrader.tests.test_openwrt_upgrader import (
    TestOpenwrtUpgrader as BaseTestOpenwrtUpgrader,
)
from openwisp_firmware_upgrader.tests.test_private_storage import (
    TestPrivateStorage as BaseTestPrivateStorage,
)
from openwisp_firmware_upgrader.tests.test_tasks import TestTasks as BaseTestTasks


class TestModels(BaseTestModels):
    app_label = "openwisp2.sample_firmware_upgrader"


class TestModelsTransaction(BaseTestModelsTransaction):
    app_label = "openwisp2.sample_firmware_upgrader"


class TestOpenwrtUpgrader(BaseTestOpenwrtUpgrader):
    pass


class TestPrivateStorage(BaseTestPrivateStorage):
    pass


class TestTasks(BaseTestTasks):
    pass


# what was imported would run once more
del BaseTestModels
del BaseTestModelsTransaction
del BaseTestOpenwrtUpgrader
del BaseTestPrivateStorage
del BaseTestTasks
