"""Mass upgrades."""

from __future__ import annotations

from openwisp_users.api.permissions import IsOrganizationManager
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from ...actions.cancel_batch import cancel_batch
from ...actions.delete_operations import BelongsToOthers, StillInProgress, delete_batch
from ...actions.retry_operations import retry_batch
from ...swapper import load_model
from .. import documentation as docs
from ..filters import BatchUpgradeOperationFilter, StableOrderingFilter
from ..permissions import BatchCancelPermission
from ..schema import FilterBackend
from ..serializers import (
    BatchUpgradeOperationListSerializer,
    BatchUpgradeOperationSerializer,
)
from .mixins import ProtectedAPIMixin, conflict
from .operation import EmptySerializer

BatchUpgradeOperation = load_model("BatchUpgradeOperation")


class BatchMixin(ProtectedAPIMixin):
    """Mass upgrades belong to the organization of their build's category."""

    # whose group and location are, without the geometry
    queryset = BatchUpgradeOperation.objects.select_related(
        "build__category__organization", "group", "location"
    ).defer("location__geometry")
    organization_field = "build__category__organization"


class BatchUpgradeOperationListView(BatchMixin, generics.ListAPIView):
    """Lists mass upgrades."""

    serializer_class = BatchUpgradeOperationListSerializer
    filter_backends = (FilterBackend, StableOrderingFilter)
    filterset_class = BatchUpgradeOperationFilter
    ordering_fields = ("created", "modified", "status")
    ordering = ("-created",)


@docs.documented(delete=docs.DELETE)
class BatchUpgradeOperationDetailView(BatchMixin, generics.RetrieveDestroyAPIView):
    """Shows a mass upgrade with its operations, or deletes it once it has ended."""

    serializer_class = BatchUpgradeOperationSerializer

    def destroy(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Deletes the mass upgrade and its operations."""
        try:
            delete_batch(self.get_object(), request.user)
        except (BelongsToOthers, StillInProgress) as error:
            return conflict(error)
        return Response(status=status.HTTP_204_NO_CONTENT)


@docs.documented(post=docs.BATCH_CANCEL)
class BatchUpgradeOperationCancelView(BatchMixin, generics.GenericAPIView):
    """Cancels everything of a mass upgrade that has not been flashed yet."""

    serializer_class = EmptySerializer
    permission_classes = (IsOrganizationManager, BatchCancelPermission)

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Cancels the mass upgrade."""
        try:
            result = cancel_batch(self.get_object(), request.user)
        except ValueError as error:
            return conflict(error)
        answer = {"cancelled": result.cancelled, "going_on": result.going_on}
        return Response(answer)


@docs.documented(post=docs.BATCH_RETRY)
class BatchUpgradeOperationRetryView(BatchMixin, generics.GenericAPIView):
    """Tries the operations that ended without success again, in a new batch."""

    serializer_class = EmptySerializer

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Launches the new mass upgrade."""
        try:
            batch = retry_batch(
                self.get_object(), created_by=request.user, user=request.user
            )
        except ValueError as error:
            return conflict(error)
        return Response({"batch": str(batch.pk)}, status=status.HTTP_201_CREATED)


batch_upgrade_operation_list = BatchUpgradeOperationListView.as_view()
batch_upgrade_operation_detail = BatchUpgradeOperationDetailView.as_view()
batch_upgrade_operation_cancel = BatchUpgradeOperationCancelView.as_view()
batch_upgrade_operation_retry = BatchUpgradeOperationRetryView.as_view()
