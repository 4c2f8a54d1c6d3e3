"""The URL under which image files are downloaded."""

from django.urls import path

from .. import settings as app_settings
from .views import firmware_image_download

urlpatterns = [
    path(
        f"{app_settings.IMAGE_URL_PATH}<path:path>",
        firmware_image_download,
        name="serve_private_file",
    )
]
