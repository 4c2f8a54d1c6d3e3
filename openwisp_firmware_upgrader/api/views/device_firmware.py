"""The firmware of a device."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request, clone_request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict
from swapper import load_model as load_any_model

from ... import protocols
from ...actions.assign_image import UnfinishedOperation
from ...constants import DEACTIVATED_DEVICE_FIRMWARE_ERROR
from ...selectors import access
from ...swapper import load_model
from .. import documentation as docs
from ..serializers import DeviceFirmwareSerializer
from .mixins import Overtaken, RelatedDeviceAPIMixin

Device = load_any_model("config", "Device")
DeviceFirmware = load_model("DeviceFirmware")


@docs.documented(put=docs.FIRMWARE_PUT, patch=docs.FIRMWARE_PATCH)
class DeviceFirmwareDetailView(
    RelatedDeviceAPIMixin, generics.RetrieveUpdateDestroyAPIView
):
    """Shows, chooses or forgets the image of a device.

    Choosing an image the device is not known to run starts an upgrade.
    """

    queryset = DeviceFirmware.objects.select_related(
        "device__organization", "image__build__category"
    )
    serializer_class = DeviceFirmwareSerializer
    lookup_field = "device"
    lookup_url_kwarg = "pk"

    _device: protocols.Device | None = None

    def get_object(self) -> protocols.DeviceFirmware:
        """Returns the firmware and remembers its device."""
        firmware = super().get_object()
        self._device = firmware.device
        return firmware

    def get_serializer_context(self) -> dict[str, Any]:
        """Adds the device and what to do about unfinished operations."""
        context = super().get_serializer_context()
        if getattr(self, "swagger_fake_view", False):
            return context
        conflict = self.request.query_params.get("conflict")
        device = self._device or self._find_device()
        return {**context, "device": device, "reject_conflict": conflict == "reject"}

    def _find_device(self) -> protocols.Device | None:
        rows = Device.objects.filter(pk=self.kwargs["pk"])
        rows = access.of_managed(self.request.user, rows, "organization")
        self._device = rows.first()
        return self._device

    def update(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Gives the device another image; PUT also its first one."""
        partial = kwargs.get("partial", False)
        try:
            firmware = self.get_object()
        except Http404:
            if partial:
                raise
            firmware = None
            self._allow_creating(request)
        serializer = self.get_serializer(firmware, data=request.data, partial=partial)
        if not serializer.is_valid():
            self._refuse(serializer, firmware)
        try:
            serializer.save()
        except UnfinishedOperation as error:
            return self._conflict(error)
        created = firmware is None
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(self._answer(serializer.instance), status=code)

    def _refuse(
        self,
        serializer: DeviceFirmwareSerializer,
        firmware: protocols.DeviceFirmware | None,
    ) -> NoReturn:
        rows = self.get_queryset().filter(device=self.kwargs["pk"])
        if firmware is None and rows.exists():
            # it got its first image between the look-up and the validation
            raise Overtaken
        raise ValidationError(serializer.errors)

    def _allow_creating(self, request: Request) -> None:
        device = self._find_device()
        if device is None:
            raise NotFound(_("device not found"))
        if device.is_deactivated():
            raise PermissionDenied(DEACTIVATED_DEVICE_FIRMWARE_ERROR)
        self.check_permissions(clone_request(request, "POST"))

    def _conflict(self, error: UnfinishedOperation) -> Response:
        answer = {
            "error": str(error),
            "upgrade_operation": {"id": error.operation_id},
        }
        return Response(answer, status=status.HTTP_409_CONFLICT)

    def _answer(self, firmware: protocols.DeviceFirmware) -> ReturnDict:
        # the form of the browsable API is about the new image already
        serializer = self.get_serializer(firmware)
        answer = ReturnDict(serializer.data, serializer=serializer)
        if operation := firmware.started_operation:
            answer["upgrade_operation"] = {"id": operation.pk}
        return answer


device_firmware_detail = DeviceFirmwareDetailView.as_view()
