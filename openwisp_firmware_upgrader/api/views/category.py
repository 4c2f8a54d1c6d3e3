"""Categories."""

from rest_framework import generics

from ...swapper import load_model
from .. import documentation as docs
from ..filters import StableOrderingFilter
from ..serializers import CategorySerializer
from .mixins import FirmwareDeletionMixin, ProtectedAPIMixin

Category = load_model("Category")


class CategoryListView(ProtectedAPIMixin, generics.ListCreateAPIView):
    """Lists categories, or creates one."""

    queryset = Category.objects.all()
    serializer_class = CategorySerializer
    organization_field = "organization"
    filter_backends = (StableOrderingFilter,)
    ordering_fields = ("name", "created", "modified")
    ordering = ("-name", "-created")


@docs.documented(delete=docs.DELETE)
class CategoryDetailView(
    FirmwareDeletionMixin, ProtectedAPIMixin, generics.RetrieveUpdateDestroyAPIView
):
    """Shows, changes or deletes a category with all that belongs to it."""

    queryset = Category.objects.select_related("organization")
    serializer_class = CategorySerializer
    organization_field = "organization"


category_list = CategoryListView.as_view()
category_detail = CategoryDetailView.as_view()
