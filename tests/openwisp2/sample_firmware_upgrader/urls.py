"""The URLs of the package with the views of this app, as the documentation tells."""

from django.urls import include, path

from openwisp_firmware_upgrader import settings as app_settings
from openwisp_firmware_upgrader.api.urls import get_api_urls

from . import api_views
from .downloads import firmware_image_download

urlpatterns = [
    path(
        f"{app_settings.IMAGE_URL_PATH}<path:path>",
        firmware_image_download,
        name="serve_private_file",
    ),
]
if app_settings.FIRMWARE_UPGRADER_API:
    api = include((get_api_urls(api_views), "upgrader"), namespace="upgrader")
    urlpatterns.append(path("api/v1/", api))
