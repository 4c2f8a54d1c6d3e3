"""Launching a mass upgrade, and what it would do."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from openwisp_users.api.permissions import IsOrganizationManager
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ...actions.launch_once import KeyReused, launch_once
from ...protocols import Build, Row
from ...selectors import access
from ...selectors.preview import Preview
from ...swapper import load_model
from .. import documentation as docs
from ..permissions import LaunchPermission
from ..serializers import BatchUpgradeSerializer, PreviewSerializer
from ..serializers.options import validate_options
from .build import BuildMixin

BatchUpgradeOperation = load_model("BatchUpgradeOperation")
# what the column holds
KEY_LENGTH = 255


@docs.documented(get=docs.PREVIEW, post=docs.LAUNCH)
class BuildBatchUpgradeView(BuildMixin, GenericAPIView):
    """Upgrades the devices of a build's category to this build."""

    permission_classes = (IsOrganizationManager, LaunchPermission)
    serializer_class = BatchUpgradeSerializer

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Launches a mass upgrade."""
        build = self.get_object()
        asked = self._validated(BatchUpgradeSerializer, request.data)
        firmwareless = asked.pop("upgrade_all")
        if asked.get("upgrade_options"):
            validate_options(BatchUpgradeOperation(build=build, **asked))
        try:
            batch = launch_once(
                build,
                firmwareless,
                idempotency_key=self._key(),
                created_by=request.user,
                **asked,
            )
        except KeyReused as error:
            answer = status.HTTP_422_UNPROCESSABLE_ENTITY
            return Response({"error": str(error)}, status=answer)
        except ModelValidationError as error:
            text = " ".join(error.messages)
            return Response({"error": text}, status=status.HTTP_400_BAD_REQUEST)
        return Response({"batch": str(batch.pk)}, status=status.HTTP_201_CREATED)

    def _key(self) -> str:
        key = self.request.headers.get("Idempotency-Key", "").strip()
        if len(key) > KEY_LENGTH or not key.isprintable():
            text = _("At most %(length)s printable characters are expected.")
            raise ValidationError({"Idempotency-Key": [text % {"length": KEY_LENGTH}]})
        return key

    def _validated(
        self, serializer_class: type[Serializer], data: object
    ) -> dict[str, Any]:
        serializer = serializer_class(data=data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Tells which devices a mass upgrade would be about; nothing is stored."""
        build = self.get_object()
        asked = self._validated(PreviewSerializer, request.query_params)
        if asked.pop("summary"):
            return self._summary(build, asked)
        del asked["upgrade_all"]
        found = BatchUpgradeOperation.dry_run(build=build, **asked)
        user = request.user
        rows = access.of_managed(
            user, found["device_firmwares"], "device__organization"
        )
        devices = access.of_managed(user, found["devices"], "organization")
        return Response({"device_firmwares": _ids(rows), "devices": _ids(devices)})

    def _summary(self, build: Build, asked: dict[str, Any]) -> Response:
        preview = Preview(
            build, organizations=access.organizations_of(self.request.user), **asked
        )
        page = self.paginate_queryset(preview)
        answer = self.get_paginated_response(page)
        answer.data = {"summary": preview.summary(), **answer.data}
        return answer


def _ids(rows: QuerySet[Row]) -> list[str]:
    return [str(pk) for pk in rows.select_related(None).values_list("pk", flat=True)]


api_batch_upgrade = BuildBatchUpgradeView.as_view()
