"""Where firmware images are kept unless a setting names another storage."""

from urllib.parse import urljoin

from django.conf import settings
from private_storage.storage.files import PrivateFileSystemStorage

# read from Django, not from our settings module, which imports this one
BASE_URL = getattr(settings, "OPENWISP_FIRMWARE_API_BASEURL", "/")

# the location comes from PRIVATE_STORAGE_ROOT; passing it would end up in migrations
file_system_private_storage = PrivateFileSystemStorage(
    base_url=urljoin(BASE_URL, "firmware/"),
)
