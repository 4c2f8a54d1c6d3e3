"""The URL under which image files are downloaded."""

from django.urls import path

from ..settings import IMAGE_URL_PATH
from .views import firmware_image_download

urlpatterns = [
    path(
        f"{IMAGE_URL_PATH}<path:path>",
        firmware_image_download,
        name="serve_private_file",
    )
]
