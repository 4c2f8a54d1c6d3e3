"""What deletion pages list: rows by their names, at a constant number of queries."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.admin.utils import NestedObjects, quote
from django.db import router
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ...actions.delete_operations import foreign_text
from ...protocols import Row
from ...selectors import access
from ...swapper import load_model
from . import AdminMixin
from .deletion import Deleted, warn_once

# what the names of rows are made of
NAMED_BY = {
    "Build": ["category"],
    "FirmwareImage": ["build__category"],
    "DeviceFirmware": ["device", "image__build__category"],
    "BatchUpgradeOperation": ["build__category"],
    "UpgradeOperation": ["device"],
}


class NamedObjects(NestedObjects):
    """Collects what goes with the deleted objects, with what their names need."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._named_by = {load_model(name): by for name, by in NAMED_BY.items()}

    def related_objects(
        self,
        related_model: type[Model],
        related_fields: Collection[Field],
        objs: Collection[Row],
    ) -> QuerySet[Row]:
        """Returns the rows that point to the objects."""
        rows = super().related_objects(related_model, related_fields, objs)
        return rows.select_related(*self._named_by.get(related_model, ()))


class NamedDeletionMixin(AdminMixin):
    """An admin whose deletion pages name what goes with each object."""

    def get_deleted_objects(
        self, objs: Collection[Row], request: HttpRequest
    ) -> Deleted:
        """Returns what Django's own returns, which would ask for each name.

        Nested texts, numbers by model, names of models whose rows the user must
        not delete, and texts of protected rows.
        """
        if not objs:
            return [], {}, set(), []
        using = router.db_for_write(self.model)
        collector = NamedObjects(using=using, origin=objs)
        collector.collect(objs)
        refused: set[str] = set()
        managed = access.organizations_of(request.user)

        def told(obj: Row) -> str:
            if access.is_of_managed_device(obj, managed):
                return self._told(request, obj, refused)
            return self._told_of_others(request, obj, refused)

        numbers = {
            model._meta.verbose_name_plural: len(rows)  # noqa: SLF001 documented
            for model, rows in collector.model_objs.items()
        }
        protected = [told(obj) for obj in collector.protected]
        return collector.nested(told), numbers, refused, protected

    def _told(self, request: HttpRequest, obj: Row, refused: set[str]) -> str:
        options = obj._meta  # noqa: SLF001 documented by Django
        kind = capfirst(options.verbose_name)
        model_admin = self.admin_site._registry.get(type(obj))  # noqa: SLF001 as above
        if model_admin is None:
            return f"{kind}: {obj}"
        if not model_admin.has_delete_permission(request, obj):
            refused.add(options.verbose_name)
        name = f"{options.app_label}_{options.model_name}_change"
        try:
            url = reverse(f"{self.admin_site.name}:{name}", args=(quote(obj.pk),))
        except NoReverseMatch:
            return f"{kind}: {obj}"
        return format_html('{}: <a href="{}">{}</a>', kind, url, obj)

    def _told_of_others(self, request: HttpRequest, obj: Row, refused: set[str]) -> str:
        name = obj._meta.verbose_name  # noqa: SLF001 documented by Django
        refused.add(name)
        warn_once(request, foreign_text())
        return _("%(kind)s of another organization") % {"kind": capfirst(name)}
