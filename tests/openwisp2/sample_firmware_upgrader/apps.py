from openwisp_firmware_upgrader.apps import FirmwareUpdaterConfig


class SampleFirmwareUpgraderConfig(FirmwareUpdaterConfig):
    name = "openwisp2.sample_firmware_upgrader"
    label = "sample_firmware_upgrader"


# Django must find exactly one configuration in this module
del FirmwareUpdaterConfig
