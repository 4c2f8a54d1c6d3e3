"""Pages of versions in the admin: checked before anything is reverted.

django-reversion reverts a revision, of whatever model and organization, and looks at
permissions and form afterwards; each redirect counts as a saved form. Its pages are
reached by counting up a number.
"""

from django.contrib import messages
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from reversion.models import Version

from .revision_review import RevisionReview, model_of

EXISTS = _("There is nothing to recover, %(name)s exists.")

# with these Django saves another object than the one that was reverted
OTHER_OBJECT = ("_saveasnew", TO_FIELD_VAR)

_REVERTED = "_firmware_upgrader_reverted"


class GuardedVersionsMixin:
    """Stands before VersionAdmin: who may not revert a revision gets 404.

    A version must be of the admin's model and its object among those of the user. Who
    is no superuser must manage all rows that the revision holds, in their old state
    and as they are now, and all that would be deleted with them.
    """

    def recover_view(self, request, version_id, extra_context=None):
        """Recovers a deleted object; leads to the page of one that exists."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        version = self._checked_version(request, version_id)
        obj = self.get_object(request, version.object_id)
        if obj is not None:
            return self._lead_to(request, obj)
        setattr(request, _REVERTED, True)
        return super().recover_view(request, version_id, extra_context)

    def revision_view(self, request, object_id, version_id, extra_context=None):
        """Shows or restores an earlier version of an object."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        self._checked_version(request, version_id, object_id=str(obj.pk))
        setattr(request, _REVERTED, True)
        return super().revision_view(request, object_id, version_id, extra_context)

    def get_object(self, request, object_id, from_field=None):
        """Returns the object; an object that is reverted must be found.

        Raises Http404 then, which undoes the revert; Django would redirect.
        """
        obj = super().get_object(request, object_id, from_field)
        if obj is None and hasattr(request, _REVERTED):
            raise Http404
        return obj

    def _checked_version(self, request, version_id, **lookup):
        """Returns a version that the user may revert.

        Raises PermissionDenied or Http404.
        """
        # all methods but GET send the signals of what is reverted
        looks = request.method == "GET"
        may = self.has_view_permission if looks else self.has_change_permission
        if not may(request):
            raise PermissionDenied
        if any(name in values for name in OTHER_OBJECT for values in _sent(request)):
            raise Http404
        versions = Version.objects.get_for_model(self.model)
        version = get_object_or_404(versions, pk=version_id, **lookup)
        if not request.user.is_superuser:
            self._review(request, version.revision.version_set.all())
        return version

    def _review(self, request, versions):
        review = RevisionReview(request.user, versions)
        if not review.may_revert():
            raise Http404
        models = {model_of(version) for version in review.versions}
        if request.method != "GET" and not self._may_change(request, models):
            raise Http404

    def _may_change(self, request, models):
        """Tells whether the user may change models that have pages of their own."""
        site = self.admin_site
        admins = [site.get_model_admin(m) for m in models if site.is_registered(m)]
        return all(each.has_change_permission(request) for each in admins)

    def _lead_to(self, request, obj):
        self.message_user(request, EXISTS % {"name": obj}, messages.WARNING)
        name = f"{self.opts.app_label}_{self.opts.model_name}_change"
        url = reverse(f"{self.admin_site.name}:{name}", args=[quote(obj.pk)])
        return HttpResponseRedirect(url)

    def _reversion_order_version_queryset(self, request, queryset):
        """Narrows the lists of deleted objects and of versions, the hook of both."""
        ordered = super()._reversion_order_version_queryset(request, queryset)
        if request.user.is_superuser:
            return ordered
        review = RevisionReview(request.user, ordered)
        managed = [each.pk for each in review.versions if review.is_managed(each)]
        return ordered.filter(pk__in=managed)


def guard_versions(admin_class):
    """Puts the guard before the pages of an admin class, and of what derives from it.

    Arguments:
        admin_class: a subclass of VersionAdmin, of any app. Nothing happens to one
            that has the guard.
    """
    if not issubclass(admin_class, GuardedVersionsMixin):
        # its own methods call those of its bases, the guard first of all
        admin_class.__bases__ = (GuardedVersionsMixin, *admin_class.__bases__)


def _sent(request):
    return request.GET, request.POST
