"""What pages tell their scripts."""

from __future__ import annotations

import json
import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from ... import settings as app_settings
from ...protocols import PrimaryKey, User
from ...swapper import load_model

# stands for the id that scripts fill in
NIL = str(uuid.UUID(int=0))

# what json_script escapes, so that no value can end the script
ESCAPES = {ord(char): f"\\u{ord(char):04X}" for char in "<>&\u2028\u2029"}


def script_json(value: object) -> SafeString:
    """Returns a value as JSON that is safe inside a ``<script>``."""
    text = json.dumps(value, cls=DjangoJSONEncoder)
    return mark_safe(text.translate(ESCAPES))  # noqa: S308 escaped the line above


def _may_cancel(user: User | None) -> bool:
    options = load_model("UpgradeOperation")._meta  # noqa: SLF001 documented by Django
    name = f"{options.app_label}.change_{options.model_name}"
    return user is None or user.has_perm(name)


def operation_cancel_url(user: User | None = None) -> str:
    """Returns where operations are cancelled.

    It is "" with the REST API off and for a user who may not cancel.
    """
    if not app_settings.FIRMWARE_UPGRADER_API or not _may_cancel(user):
        return ""
    try:
        return reverse("upgrader:api_upgradeoperation_cancel", args=[NIL])
    except NoReverseMatch:
        # the project does not include the URLs of the REST API
        return ""


def app_label(model_name: str) -> str:
    """Returns the label of the app that owns one of our models."""
    return load_model(model_name)._meta.app_label  # noqa: SLF001 documented by Django


def admin_url(model_name: str, page: str, *args: PrimaryKey) -> str:
    """Returns the URL of an admin page of one of our models."""
    options = load_model(model_name)._meta  # noqa: SLF001 documented by Django
    name = f"admin:{options.app_label}_{options.model_name}_{page}"
    return reverse(name, args=args)


def api_host(request: HttpRequest) -> SafeString:
    """Returns the host that scripts open sockets to, as JSON."""
    return script_json({"host": request.get_host()})


def django_locale() -> str:
    """Returns the language of the request, as scripts format dates in it."""
    return get_language() or "en-us"
