"""Pages of versions in the admin: checked before anything is reverted.

django-reversion reverts a revision, of whatever model and organization, and looks at
permissions and form afterwards; each redirect counts as a saved form. Its pages are
reached by counting up a number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.db import IntegrityError, connections, router, transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from reversion.admin import VersionAdmin
from reversion.models import Version

from ...actions.delete_operations import StillInProgress
from ...protocols import Row
from . import AdminMixin, revision_effects
from .revision_review import RevisionReview

logger = logging.getLogger(__name__)

EXISTS = _("There is nothing to recover, %(name)s exists.")

DANGLES = _(
    "This version cannot be restored: something that it refers to does not exist any "
    "more. Recover that first, or make the change by hand."
)

# with these Django saves another object than the one that was reverted, or none
UNUSUAL = ("_saveasnew", TO_FIELD_VAR, IS_POPUP_VAR)

_REVERTED = "_firmware_upgrader_reverted"


class GuardedVersionsMixin(AdminMixin):
    """Stands before VersionAdmin: who may not revert a revision gets 404.

    A version must be of the admin's model and its object among those of the user. Who
    is no superuser must manage all rows that the revision holds, in their old state
    and as they are now, and all that would be deleted with them, and needs the
    permissions to do the same by hand. Upgrade operations are history, which stays
    as it is; while one is in progress nothing is restored.
    """

    def recover_view(
        self,
        request: HttpRequest,
        version_id: str,
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Recovers a deleted object; leads to the page of one that exists."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        view = super().recover_view

        def recover(version: Version) -> HttpResponse:
            obj = self.get_object(request, version.object_id)
            if obj is not None:
                return self._lead_to(request, obj)
            setattr(request, _REVERTED, True)
            return view(request, version_id, extra_context)

        return self._in_one_piece(request, recover, pk=version_id)

    def revision_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Shows or restores an earlier version of an object."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        view = super().revision_view

        def restore(_version: Version) -> HttpResponse:
            setattr(request, _REVERTED, True)
            return view(request, object_id, version_id, extra_context)

        return self._in_one_piece(
            request, restore, pk=version_id, object_id=str(obj.pk)
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row | None:
        """Returns the object; an object that is reverted must be found.

        Raises Http404 then, which undoes the revert; Django would redirect.
        """
        obj = super().get_object(request, object_id, from_field)
        if obj is None and hasattr(request, _REVERTED):
            raise Http404
        return obj

    def _in_one_piece(
        self,
        request: HttpRequest,
        show: Callable[[Version], HttpResponse],
        **lookup: str,
    ) -> HttpResponse:
        """Checks a version and shows or reverts it, in one transaction.

        Arguments:
            request: the request.
            show: makes the response of a version.
            lookup: which version.
        """
        try:
            with transaction.atomic(router.db_for_write(self.model)):
                version = self._find_version(request, **lookup)
                review = self._review(request, version)
                if not _looks(request):
                    review.refuse_during_upgrades()
                response = show(version)
                # what dangles would be found out by the commit, too late to say so
                connections[version.db].check_constraints(review.tables())
        except (IntegrityError, ObjectDoesNotExist, ValidationError) as error:
            logger.warning("Version %s is not restored: %s", lookup["pk"], error)
            self.message_user(request, DANGLES, messages.ERROR)
            name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:{name}"))
        except StillInProgress as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def _reversion_revisionform_view(
        self, request: HttpRequest, version: Version, *args: object, **kwargs: object
    ) -> HttpResponse:
        """Shows a version; what is reverted for that, and afterwards, is ours."""
        version.revision.revert = partial(revision_effects.revert, version.revision)
        return super()._reversion_revisionform_view(request, version, *args, **kwargs)

    def _find_version(self, request: HttpRequest, **lookup: str) -> Version:
        """Returns a version of the admin's model; raises PermissionDenied, Http404."""
        may = (
            self.has_view_permission if _looks(request) else self.has_change_permission
        )
        if not may(request):
            raise PermissionDenied
        if any(name in values for name in UNUSUAL for values in _sent(request)):
            raise Http404
        versions = Version.objects.get_for_model(self.model)
        try:
            return get_object_or_404(versions, **lookup)
        except ValueError as error:  # more digits than Python reads
            raise Http404 from error

    def _review(self, request: HttpRequest, version: Version) -> RevisionReview:
        """Looks at the whole revision; raises PermissionDenied or Http404."""
        versions = version.revision.version_set.all()
        review = RevisionReview(request.user, versions, lock=not _looks(request))
        if not review.is_readable():
            raise Http404
        if request.user.is_superuser:
            return review
        if not review.touches_managed_rows_only():
            raise Http404
        if not _looks(request) and not review.is_permitted():
            raise PermissionDenied
        return review

    def _lead_to(self, request: HttpRequest, obj: Row) -> HttpResponseRedirect:
        self.message_user(request, EXISTS % {"name": obj}, messages.WARNING)
        name = f"{self.opts.app_label}_{self.opts.model_name}_change"
        url = reverse(f"{self.admin_site.name}:{name}", args=[quote(obj.pk)])
        return HttpResponseRedirect(url)

    def _reversion_order_version_queryset(
        self, request: HttpRequest, queryset: QuerySet[Version]
    ) -> QuerySet[Version]:
        """Narrows the lists of deleted objects and of versions, the hook of both."""
        ordered = super()._reversion_order_version_queryset(request, queryset)
        if request.user.is_superuser:
            return ordered
        review = RevisionReview(request.user, ordered)
        managed = [each.pk for each in review.versions if review.is_managed(each)]
        return ordered.filter(pk__in=managed)


def guard_versions(admin_class: type[VersionAdmin]) -> None:
    """Puts the guard before the pages of an admin class, and of what derives from it.

    Arguments:
        admin_class: a subclass of VersionAdmin, of any app. Nothing happens to one
            that has the guard.
    """
    if not issubclass(admin_class, GuardedVersionsMixin):
        # its own methods call those of its bases, the guard first of all
        admin_class.__bases__ = (GuardedVersionsMixin, *admin_class.__bases__)


def _looks(request: HttpRequest) -> bool:
    # all other methods send the signals of what is reverted
    return request.method == "GET"


def _sent(request: HttpRequest) -> tuple[QueryDict, QueryDict]:
    return request.GET, request.POST
