"""Builds."""

from rest_framework import generics

from ...swapper import load_model
from .. import documentation as docs
from ..filters import BuildFilter, StableOrderingFilter
from ..schema import FilterBackend
from ..serializers import BuildSerializer
from .mixins import FirmwareDeletionMixin, ProtectedAPIMixin

Build = load_model("Build")


class BuildMixin(ProtectedAPIMixin):
    """Builds belong to the organization of their category."""

    queryset = Build.objects.select_related("category__organization")
    serializer_class = BuildSerializer
    organization_field = "category__organization"


class BuildListView(BuildMixin, generics.ListCreateAPIView):
    """Lists builds, or creates one."""

    filter_backends = (FilterBackend, StableOrderingFilter)
    filterset_class = BuildFilter
    ordering_fields = ("version", "created", "modified")
    ordering = ("-created", "-version")


@docs.documented(delete=docs.DELETE)
class BuildDetailView(
    FirmwareDeletionMixin, BuildMixin, generics.RetrieveUpdateDestroyAPIView
):
    """Shows, changes or deletes a build with its images."""


build_list = BuildListView.as_view()
build_detail = BuildDetailView.as_view()
