"""Where firmware images are kept unless a setting names another storage."""

from urllib.parse import urljoin

from django.conf import settings
from private_storage.storage.files import PrivateFileSystemStorage

# read from Django, not from our settings module, which imports this one
_given = getattr(settings, "OPENWISP_FIRMWARE_API_BASEURL", "/")
# the system checks tell of anything else
BASE_URL = _given if isinstance(_given, str) else "/"

# the location comes from PRIVATE_STORAGE_ROOT; passing it would end up in migrations
file_system_private_storage = PrivateFileSystemStorage(
    base_url=urljoin(BASE_URL, "firmware/"),
)
