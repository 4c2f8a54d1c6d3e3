"""Storages of firmware images that tests choose by the environment."""

from private_storage.storage.s3boto3 import PrivateS3BotoStorage

# named by OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE, configured by the settings
s3_storage = PrivateS3BotoStorage()
