"""URLs of the app, to be included at the root of a project."""

from django.urls import include, path

from . import settings as app_settings
from .private_storage import urls as private_storage_urls

urlpatterns = [*private_storage_urls.urlpatterns]

if app_settings.FIRMWARE_UPGRADER_API:
    urlpatterns.append(path("api/v1/", include("openwisp_firmware_upgrader.api.urls")))
