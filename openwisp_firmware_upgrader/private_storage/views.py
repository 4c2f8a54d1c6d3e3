"""Downloads of image files for those who manage their organization."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from private_storage.views import PrivateStorageDetailView

from .. import settings as app_settings
from ..swapper import load_model

VIEW_PERMISSION = "view"


class FirmwareImageDownloadView(PrivateStorageDetailView):
    """Streams an image file; looked up by its stored name or by ``pk``."""

    model_file_field = "file"
    storage = app_settings.PRIVATE_STORAGE_INSTANCE

    @property
    def model(self) -> Any:
        """The image model in force."""
        return load_model("FirmwareImage")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Refuses whoever may not look at images before anything is looked up."""
        if not request.user.is_authenticated:
            return HttpResponse(status=401)
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    @property
    def permission(self) -> str:
        """The permission to look at images, of the app that owns the model."""
        options = self.model._meta  # noqa: SLF001 documented by Django
        return f"{options.app_label}.{VIEW_PERMISSION}_{options.model_name}"

    def get_object(self, queryset: Any = None) -> Any:
        """Returns the image, which is looked up by one of its keys."""
        rows = self.model.objects.select_related("build__category")
        if "pk" in self.kwargs:
            return get_object_or_404(rows, pk=self.kwargs["pk"])
        return get_object_or_404(rows, file=self.kwargs["path"])

    def can_access_file(self, private_file: Any) -> bool:
        """Allows superusers, and staff who manage the image's organization."""
        user = self.request.user
        if user.is_superuser:
            return True
        organization_id = private_file.parent_object.build.category.organization_id
        if not user.is_staff or organization_id is None:
            return False
        managed = {str(pk) for pk in user.organizations_managed}
        owned = {str(pk) for pk in user.organizations_owned}
        return str(organization_id) in managed | owned


firmware_image_download = FirmwareImageDownloadView.as_view()
