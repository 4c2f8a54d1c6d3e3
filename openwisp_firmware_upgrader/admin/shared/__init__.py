"""What the pages of several models share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # what mixins of admin classes are mixed into
    from django.contrib.admin import ModelAdmin as AdminMixin
else:
    AdminMixin = object

__all__ = ["AdminMixin"]
