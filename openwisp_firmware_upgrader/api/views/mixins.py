"""What all views share: who may pass, what is visible, how errors look."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from openwisp_users.api.mixins import (
    FilterByOrganizationManaged,
)
from openwisp_users.api.mixins import ProtectedAPIMixin as BaseProtectedAPIMixin
from openwisp_users.api.permissions import (
    DjangoModelPermissions,
    IsOrganizationManager,
)
from openwisp_utils.api.pagination import OpenWispPagination
from rest_framework import serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from ...actions.delete_firmware import delete_firmware
from ...actions.delete_operations import BelongsToOthers, StillInProgress
from ...protocols import Build, Category, Image, PrimaryKey, Row, User
from ..authentication import ParentBearerAuthentication
from ..parsers import storable
from ..permissions import ActiveDevicePermission
from ..schema import UpgraderAutoSchema


def conflict(error: Exception) -> Response:
    """Returns the answer that the state of an object does not allow it."""
    return Response({"error": str(error)}, status=status.HTTP_409_CONFLICT)


class Overtaken(APIException):
    """Another request changed the same thing at the same time."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("Another request was faster, load the present state first.")
    default_code = "conflict"


class ProtectedAPIMixin(BaseProtectedAPIMixin, FilterByOrganizationManaged):
    """Managers see what belongs to their organizations, and shared objects.

    ``organization_field`` is the look-up of the organization of an object.
    """

    throttle_scope = "firmware_upgrader"
    pagination_class = OpenWispPagination
    swagger_schema = UpgraderAutoSchema

    def get_parsers(self) -> list[BaseParser]:
        """Returns the parsers of the project; JSON must be storable."""
        return storable(super().get_parsers())

    def get_queryset(self) -> QuerySet[Row]:
        """Returns the rows the user may see, of one organization if so asked."""
        user: User | AnonymousUser = getattr(self.request, "user", None)
        if getattr(self, "swagger_fake_view", False) or not user.is_authenticated:
            return self.queryset.none()
        rows = super().get_queryset()
        slug = self.request.query_params.get("organization")
        if not slug:
            return rows
        if "\x00" in slug:
            return rows.none()
        return rows.filter(**{f"{self.org_field}__slug": slug})

    def handle_exception(self, exc: Exception) -> Response:
        """Answers what the models and the database refuse with 400 and 409."""
        if isinstance(exc, ModelValidationError):
            exc = ValidationError(serializers.as_serializer_error(exc))
        if isinstance(exc, IntegrityError):
            exc = Overtaken()
        return super().handle_exception(exc)


class FirmwareDeletionMixin:
    """Images, builds and categories: kept while an upgrade needs them."""

    get_object: Callable[[], Image | Build | Category]

    def destroy(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Deletes the object with all that belongs to it."""
        try:
            delete_firmware(self.get_object(), request.user)
        except (BelongsToOthers, StillInProgress) as error:
            return conflict(error)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ParentMixin:
    """Views below a parent, which must exist whatever its organization.

    ``parent_model`` and ``parent_kwarg`` tell the parent, ``parent_missing``
    what is said when there is none.
    """

    authentication_classes = (ParentBearerAuthentication, SessionAuthentication)
    parent_model: type[Row] | None = None
    parent_kwarg = "pk"
    parent_missing = _("not found")
    kwargs: dict[str, PrimaryKey]

    def get_parent_queryset(self) -> QuerySet[Row]:
        """Returns the parent, as a queryset."""
        model = cast("type[Row]", self.parent_model)
        return model.objects.filter(pk=self.kwargs[self.parent_kwarg])

    def perform_authentication(self, request: Request) -> None:
        """Tells whoever is known that there is no such parent."""
        super().perform_authentication(request)  # type: ignore[misc] # the view has it
        if request.user.is_authenticated and not self._parent_exists(request):
            raise NotFound(self.parent_missing)

    def _parent_exists(self, request: Request) -> bool:
        found = getattr(request.auth, "parent_exists", None)
        return self.get_parent_queryset().exists() if found is None else found


class RelatedDeviceAPIMixin(ProtectedAPIMixin):
    """Views of what belongs to a device; deactivated ones are read only."""

    permission_classes = (
        IsOrganizationManager,
        DjangoModelPermissions,
        ActiveDevicePermission,
    )
    organization_field = "device__organization"
