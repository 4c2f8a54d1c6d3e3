"""Odd input in the pages of the admin: refused before anything stumbles over it.

Django hands addresses to the database as they are. PostgreSQL refuses NUL, and values
that are no keys, dates or numbers raise in the middle of a page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import (
    BadRequest,
    FieldDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.db import DataError, NotSupportedError, transaction
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _

from ...foreign_text import is_storable
from ...protocols import Row
from . import AdminMixin
from .form_fields import CarefulChoiceField

# patterns run for as long as somebody likes, and each database has its own; a range
# has two ends, an address has one text
REFUSED_LOOKUPS = ("regex", "iregex", "range")
# lookups of PostgreSQL, on other databases
UNKNOWN_HERE = (NotImplementedError, NotSupportedError)
# of Django, and of openwisp-utils, which knows fields that point to a model, too
AUTOCOMPLETE, FILTER_CHOICES = "autocomplete", "ow-auto-filter"

Pattern: TypeAlias = URLPattern | URLResolver
View: TypeAlias = Callable[..., HttpResponse]


class GuardedInputMixin(AdminMixin):
    """Stands before all views of a ModelAdmin, those of derived classes too.

    An address with text that no database knows is 404, parameters of that kind are
    400. Lists answer filters that make no sense as Django does, with the whole list.
    What is submitted goes to the forms, which tell errors at their fields.
    """

    @property
    def urls(self) -> list[Pattern]:
        """The addresses of this admin, each view behind the guard."""
        return [_guarded(pattern) for pattern in super().urls]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row | None:
        """Returns an object; an empty ``_to_field`` is none."""
        return super().get_object(request, object_id, from_field or None)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Returns the list; raises IncorrectLookupParameters.

        Django does so for what it finds out while it makes the query, not while it
        is run.
        """
        try:
            return super().get_changelist_instance(request)
        except DataError as error:
            # a database that refused a value answers nothing more in a transaction
            if transaction.get_connection().in_atomic_block:
                transaction.set_rollback(True)
            raise IncorrectLookupParameters from error
        except (*UNKNOWN_HERE, OverflowError, ValidationError, ValueError) as error:
            raise IncorrectLookupParameters from error

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Row]
    ) -> HttpResponse | None:
        """Runs an action; a selection that makes no sense is a message."""
        try:
            queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        except (OverflowError, ValidationError, ValueError):
            text = _("The selection is not valid, choose the items from the list.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    def lookup_allowed(self, lookup: str, *args: object, **kwargs: object) -> bool:
        """Tells whether a list may be filtered so, by patterns and ranges never."""
        if lookup.rpartition("__")[2] in REFUSED_LOOKUPS:
            return False
        return super().lookup_allowed(lookup, *args, **kwargs)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest | None, **kwargs: object
    ) -> ModelChoiceField | None:
        """Returns a field that survives values which are no keys."""
        kwargs.setdefault("form_class", CarefulChoiceField)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def guard_input(admin_class: type[ModelAdmin]) -> None:
    """Puts the guard before an admin class of another app, and what derives from it.

    Arguments:
        admin_class: a subclass of ModelAdmin. Nothing happens to one that has it.
    """
    if not issubclass(admin_class, GuardedInputMixin):
        # its own methods call those of its bases, the guard first of all
        admin_class.__bases__ = (GuardedInputMixin, *admin_class.__bases__)


def guard_autocomplete(site: AdminSite) -> None:
    """Puts the guard before the views that offer choices to all forms and filters.

    Arguments:
        site: the site of the admin, whose addresses are not made yet.
    """
    find = site.get_urls

    def get_urls() -> list[Pattern]:
        found = find()
        ours = (AUTOCOMPLETE, FILTER_CHOICES)
        return [_guarded(p) if getattr(p, "name", "") in ours else p for p in found]

    site.get_urls = get_urls


def _guarded(pattern: Pattern) -> Pattern:
    if not isinstance(pattern, URLPattern):
        return pattern
    view = _guarded_view(pattern.callback)
    if pattern.name == AUTOCOMPLETE:
        view = _of_choices(view)
    return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)


def _guarded_view(view: View) -> View:
    @wraps(view)
    def guard(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        for key in (*args, *kwargs.values()):
            if isinstance(key, str) and not is_storable(key):
                raise Http404
        if not is_storable(dict(request.GET.lists())):
            raise BadRequest("The query has characters that no database stores")
        try:
            return view(request, *args, **kwargs)
        except DataError as error:
            # what no form looks at; such texts are for the log
            raise BadRequest("The database refused a value") from error

    return guard


def _of_choices(view: View) -> View:
    """Refuses fields that point to a model, as Django does with those of no model."""

    @wraps(view)
    def guard(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            model = apps.get_model(request.GET["app_label"], request.GET["model_name"])
            options = model._meta  # noqa: SLF001 documented by Django
            field = options.get_field(request.GET["field_name"])
        except (LookupError, FieldDoesNotExist):
            field = None
        # Django asks those of a relation for something that they do not have
        if field is not None and not hasattr(field, "get_limit_choices_to"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guard
