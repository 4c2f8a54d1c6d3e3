"""Tokens of requests below a parent, such as the images of a build."""

from __future__ import annotations

from django.db.models import Exists
from django.utils.translation import gettext_lazy as _
from openwisp_users.api.authentication import BearerAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ..protocols import Row, User


class ParentBearerAuthentication(BearerAuthentication):
    """Looks token, user and the existence of the parent up in one query.

    Nobody is told whether a parent exists before the token is known to be good.
    """

    def authenticate(self, request: Request) -> tuple[User, Row] | None:
        """Remembers which parent the view is about."""
        self.parents = request.parser_context["view"].get_parent_queryset()
        return super().authenticate(request)

    def authenticate_credentials(self, key: str) -> tuple[User, Row]:
        """Returns user and token; ``token.parent_exists`` tells of the parent."""
        tokens = self.get_model().objects.select_related("user")
        tokens = tokens.annotate(parent_exists=Exists(self.parents))
        token = None if "\x00" in key else tokens.filter(key=key).first()
        if token is None:
            raise AuthenticationFailed(_("Invalid token."))
        if not token.user.is_active:
            raise AuthenticationFailed(_("User inactive or deleted."))
        return token.user, token
