"""Downloads of image files for those who manage their organization."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from private_storage.models import PrivateFile
from private_storage.views import PrivateStorageDetailView

from .. import settings as app_settings
from ..actions.measure_image import measure_image
from ..protocols import Image
from ..selectors import access
from ..swapper import load_model
from .servers import FirmwareImageServer


class FirmwareImageDownloadView(PermissionRequiredMixin, PrivateStorageDetailView):
    """Sends an image file; looked up by its stored name or by ``pk``.

    With ``pk``, ``build_pk`` may be given too: an image of another build is not
    found.
    """

    model_file_field = "file"
    storage = app_settings.PRIVATE_STORAGE_INSTANCE
    server_class = FirmwareImageServer
    raise_exception = True

    @property
    def model(self) -> type[Model]:
        """The image model in force."""
        return load_model("FirmwareImage")

    def dispatch(
        self, request: HttpRequest, *args: object, **kwargs: object
    ) -> HttpResponse:
        """Refuses whoever may not look at images before anything is looked up."""
        if not request.user.is_authenticated:
            return HttpResponse(status=401)
        return super().dispatch(request, *args, **kwargs)

    def get_permission_required(self) -> tuple[str, ...]:
        """Returns the permission to look at images, of the app with the model."""
        options = self.model._meta  # noqa: SLF001 documented by Django
        return (f"{options.app_label}.view_{options.model_name}",)

    def get_object(self, queryset: QuerySet[Image] | None = None) -> Image:
        """Returns the image; Http404 without one, whatever the keys look like."""
        rows = self.model.objects.select_related("build__category")
        try:
            image = rows.filter(**self._keys()).first()
        except (ValidationError, ValueError, DataError):
            # no UUID, or nothing the database can compare with
            image = None
        if image is None:
            raise Http404(_("There is no such image."))
        return image

    def _keys(self) -> dict[str, Any]:
        if "pk" not in self.kwargs:
            return {"file": self.kwargs["path"]}
        keys = {"pk": self.kwargs["pk"], "build_id": self.kwargs.get("build_pk")}
        return {name: value for name, value in keys.items() if value is not None}

    def can_access_file(self, private_file: PrivateFile) -> bool:
        """Allows superusers, and staff who manage the image's organization.

        Images of shared builds are for whoever manages an organization.
        """
        user = self.request.user
        if access.sees_all(user):
            return True
        organization_id = private_file.parent_object.build.category.organization_id
        if organization_id is None:
            return bool(user.organizations_managed or user.organizations_owned)
        return bool(user.is_staff and access.manages(user, organization_id))

    def serve_file(self, private_file: PrivateFile) -> HttpResponseBase:
        """Returns the response that sends the file, as a download."""
        try:
            measure_image(private_file.parent_object)
            response = self.server_class.serve(private_file)
        except FileNotFoundError:
            # deleted since it was looked for
            return self.serve_file_not_found(private_file)
        name = self.get_content_disposition_filename(private_file)
        response["Content-Disposition"] = content_disposition_header(True, name)
        return response


firmware_image_download = FirmwareImageDownloadView.as_view()
