"""What the serializers of this app share."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from openwisp_users.api.mixins import FilterSerializerByOrgManaged
from openwisp_utils.api.serializers import ValidatedModelSerializer

from ...protocols import JsonObject, User
from ...selectors import access

UUID_EXAMPLE = "4e2d1d0c-6a1b-4b0f-9a52-3f6b3f1a7c11"


def shown_as(**example: object) -> dict[str, JsonObject]:
    """Returns the schema option that gives an object its example."""
    return {"example": example}


class BaseMeta:
    """Common options: when a row was made and changed is not up to clients."""

    read_only_fields = ["created", "modified"]


class ManagedChoices(FilterSerializerByOrgManaged):
    """Offers related objects of managed organizations only."""

    @property
    def user(self) -> User | AnonymousUser | None:
        """The user of the request, None outside of one."""
        request = self.context.get("request")
        return getattr(request, "user", None)

    def is_limited(self) -> bool:
        """Tells whether a user asks who does not see everything."""
        return not access.sees_all(self.user)

    def filter_fields(self) -> None:
        """Narrows the choices down, unless nobody asks: documents are made so."""
        if self.user is not None:
            super().filter_fields()


class BaseSerializer(ManagedChoices, ValidatedModelSerializer):
    """Offers what the user manages, and validates as the model does."""
