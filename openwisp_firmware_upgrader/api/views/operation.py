"""Upgrade operations, of all devices and of one."""

from __future__ import annotations

import logging

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openwisp_users.api.permissions import IsOrganizationManager
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from swapper import load_model as load_any_model

from ...actions.delete_operations import StillInProgress, delete_operation
from ...actions.retry_operations import retry_operation
from ...protocols import Operation
from ...swapper import load_model
from .. import documentation as docs
from ..filters import (
    DeviceUpgradeOperationFilter,
    FieldSearchFilter,
    StableOrderingFilter,
    UpgradeOperationFilter,
)
from ..permissions import UpgradeOperationCancelPermission
from ..schema import FilterBackend
from ..serializers import DeviceUpgradeOperationSerializer, UpgradeOperationSerializer
from ..serializers.operation import RELATED
from .mixins import ParentMixin, ProtectedAPIMixin, conflict

logger = logging.getLogger(__name__)

UpgradeOperation = load_model("UpgradeOperation")


class EmptySerializer(serializers.Serializer):
    """Nothing is sent."""


class OperationMixin(ProtectedAPIMixin):
    """Operations belong to the organization of their device."""

    queryset = UpgradeOperation.objects.select_related(*RELATED).defer("log_times")
    organization_field = "device__organization"


class UpgradeOperationListView(OperationMixin, generics.ListAPIView):
    """Lists upgrade operations."""

    serializer_class = UpgradeOperationSerializer
    filter_backends = (FilterBackend, FieldSearchFilter, StableOrderingFilter)
    filterset_class = UpgradeOperationFilter
    search_fields = ("device__name", "device__mac_address")
    ordering_fields = ("device_id", "created", "modified", "status", "progress")
    ordering = ("-created",)


@docs.documented(delete=docs.DELETE)
class UpgradeOperationDetailView(OperationMixin, generics.RetrieveDestroyAPIView):
    """Shows an upgrade operation, or deletes it once it has ended."""

    serializer_class = UpgradeOperationSerializer

    def destroy(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Deletes the operation."""
        try:
            delete_operation(self.get_object())
        except StillInProgress as error:
            return conflict(error)
        return Response(status=status.HTTP_204_NO_CONTENT)


@docs.documented(post=docs.OPERATION_CANCEL)
class UpgradeOperationCancelView(OperationMixin, generics.GenericAPIView):
    """Cancels an operation whose device has not been told to flash."""

    queryset = UpgradeOperation.objects.select_related("device__organization")
    serializer_class = EmptySerializer
    permission_classes = (IsOrganizationManager, UpgradeOperationCancelPermission)

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Cancels the operation."""
        try:
            operation = self.get_object()
            operation.cancel()
        except Http404:
            text = _("Upgrade operation not found.")
            return Response({"error": text}, status=status.HTTP_404_NOT_FOUND)
        except ValueError as error:
            return conflict(error)
        except Exception:  # noqa: BLE001 the page of the admin shows the answer
            logger.exception("Could not cancel operation %s", kwargs.get("pk"))
            text = _("The upgrade operation could not be cancelled, try again.")
            answer = status.HTTP_500_INTERNAL_SERVER_ERROR
            return Response({"error": text}, status=answer)
        logger.info("Operation %s cancelled by %s", operation.pk, request.user)
        return Response({"message": _("Upgrade operation cancelled.")})


@docs.documented(post=docs.OPERATION_RETRY)
class UpgradeOperationRetryView(OperationMixin, generics.GenericAPIView):
    """Tries an operation that ended without success again, in a new batch."""

    serializer_class = EmptySerializer

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Launches the new operation."""
        try:
            batch = retry_operation(self.get_object(), created_by=request.user)
        except ValueError as error:
            return conflict(error)
        operation = batch.upgradeoperation_set.values_list("pk", flat=True).get()
        answer = {"batch": str(batch.pk), "upgrade_operation": {"id": str(operation)}}
        return Response(answer, status=status.HTTP_201_CREATED)


class DeviceUpgradeOperationMixin(ParentMixin, ProtectedAPIMixin):
    """Operations of the device of the URL."""

    queryset = UpgradeOperation.objects.select_related(*RELATED).defer("log_times")
    organization_field = "device__organization"
    parent_model = load_any_model("config", "Device")
    parent_missing = gettext_lazy("device not found")

    def get_queryset(self) -> QuerySet[Operation]:
        """Returns the operations of the device that the user may see."""
        rows = super().get_queryset()
        return rows.filter(device=self.kwargs["pk"]) if "pk" in self.kwargs else rows


class DeviceUpgradeOperationListView(DeviceUpgradeOperationMixin, generics.ListAPIView):
    """Lists the upgrade operations of one device, newest first."""

    serializer_class = DeviceUpgradeOperationSerializer
    filter_backends = (FilterBackend,)
    filterset_class = DeviceUpgradeOperationFilter

    def filter_queryset(self, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        """Returns the operations, newest first."""
        return super().filter_queryset(queryset).order_by("-created", "pk")


upgrade_operation_list = UpgradeOperationListView.as_view()
upgrade_operation_detail = UpgradeOperationDetailView.as_view()
upgrade_operation_cancel = UpgradeOperationCancelView.as_view()
upgrade_operation_retry = UpgradeOperationRetryView.as_view()
device_upgrade_operation_list = DeviceUpgradeOperationListView.as_view()
