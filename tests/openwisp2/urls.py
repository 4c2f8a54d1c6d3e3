"""The URLs of the sample project: those of an OpenWISP installation."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView
from openwisp_users.api.urls import get_api_urls

upgrader = "openwisp_firmware_upgrader"
if settings.SAMPLE_APP:
    upgrader = "openwisp2.sample_firmware_upgrader"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url=reverse_lazy("admin:index")), name="index"),
    path("", include("openwisp_controller.urls")),
    path("", include(f"{upgrader}.urls")),
    path("api/v1/", include((get_api_urls(), "users"), namespace="users")),
    path("api/v1/", include("openwisp_utils.api.urls")),
    *staticfiles_urlpatterns(),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
