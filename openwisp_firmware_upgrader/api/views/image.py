"""The images of a build."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, connection
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils.translation import gettext_lazy as _
from openwisp_users.api.permissions import DjangoModelPermissions
from rest_framework import generics
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ... import protocols
from ...private_storage import views as private_storage
from ...swapper import load_model
from .. import documentation as docs
from ..filters import FirmwareImageFilter, StableOrderingFilter
from ..schema import FilterBackend
from ..serializers import FirmwareImageSerializer
from .build import BuildDetailView
from .mixins import (
    FirmwareDeletionMixin,
    Overtaken,
    ParentMixin,
    ProtectedAPIMixin,
)

Build = load_model("Build")
FirmwareImage = load_model("FirmwareImage")


class FirmwareImageMixin(ParentMixin, ProtectedAPIMixin):
    """Images of the build of the URL."""

    queryset = FirmwareImage.objects.select_related("build__category__organization")
    serializer_class = FirmwareImageSerializer
    organization_field = "build__category__organization"
    parent_model = Build
    parent_kwarg = "build_pk"
    parent_missing = _("build not found")

    def get_queryset(self) -> QuerySet[protocols.Image]:
        """Returns the images of the build that the user may see."""
        rows = super().get_queryset()
        if "build_pk" not in self.kwargs:
            return rows
        return rows.filter(build=self.kwargs["build_pk"])


@docs.documented(post=docs.UPLOAD)
class FirmwareImageListView(FirmwareImageMixin, generics.ListCreateAPIView):
    """Lists the images of a build, or uploads one."""

    filter_backends = (FilterBackend, StableOrderingFilter)
    filterset_class = FirmwareImageFilter
    ordering_fields = ("type", "created", "modified")
    ordering = ("-created",)

    def get_serializer_context(self) -> dict[str, Any]:
        """Adds the build to which an image is uploaded."""
        context = super().get_serializer_context()
        if self.request and self.request.method == "POST":
            context["build"] = getattr(self, "build", None)
        return context

    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Stores an uploaded image in a build the user may change."""
        self.build = self._writable_build()
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: FirmwareImageSerializer) -> None:
        """Stores the image, unless another upload of its type was faster."""
        try:
            serializer.save()
        except IntegrityError as error:
            raise self._overtaken(serializer.validated_data["type"]) from error

    def _overtaken(self, name: str) -> APIException:
        # the build may also be gone meanwhile
        rows = FirmwareImage.objects.filter(build=self.build, type=name)
        if not connection.needs_rollback and not rows.exists():
            return Overtaken()
        text = FirmwareImage().unique_error_message(FirmwareImage, ("build", "type"))
        return ValidationError({"__all__": text.messages})

    def _writable_build(self) -> protocols.Build:
        # the build counts as the builds' own page would see it
        view = BuildDetailView()
        view.request, view.kwargs, view.args = self.request, self.kwargs, self.args
        build = view.get_queryset().filter(pk=self.kwargs["build_pk"]).first()
        if build is None:
            raise Http404
        shared = build.category.organization_id is None
        if shared and not self.request.user.is_superuser:
            raise PermissionDenied
        return build


@docs.documented(delete=docs.DELETE)
class FirmwareImageDetailView(
    FirmwareDeletionMixin, FirmwareImageMixin, generics.RetrieveDestroyAPIView
):
    """Shows or deletes an image; nothing of it can be changed."""


@docs.documented(get=docs.DOWNLOAD)
class FirmwareImageDownloadView(FirmwareImageMixin, generics.RetrieveAPIView):
    """Sends the file of an image."""

    permission_classes = (DjangoModelPermissions,)

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Accepts what clients say they accept: the file is what it is."""
        return super().perform_content_negotiation(request, force=True)

    def retrieve(
        self, request: Request, *args: object, **kwargs: object
    ) -> HttpResponse:
        """Leaves the answer to the private storage."""
        return private_storage.firmware_image_download(
            request._request,  # noqa: SLF001 the plain view needs Django's own
            *args,
            **kwargs,
        )


firmware_image_list = FirmwareImageListView.as_view()
firmware_image_detail = FirmwareImageDetailView.as_view()
firmware_image_download = FirmwareImageDownloadView.as_view()
