"""Reads and fills in the forms of admin pages, as a browser does."""

from __future__ import annotations

import json
import random

from django.contrib.gis.geos import GEOSGeometry
from django.db import connection

# what is sent of a walk through thousands of requests; the database that refuses most
# of what is odd sees more of them
SHARES = {"postgresql": 1 / 3}
OTHERS = 1 / 7


def thinned(requests):
    """Yields a part of a walk, the same every time."""
    share = SHARES.get(connection.vendor, OTHERS)
    # a step would meet the same few values at each address
    chance = random.Random(0)
    return (each for each in requests if chance.random() < share)


def page_data(response, **changes):
    """Returns what a browser submits for an unchanged admin change page.

    Arguments:
        response: the page.
        changes: values by name, with ``__`` for ``-``; None leaves a name out.
    """
    data = _values_of(response.context["adminform"].form)
    for inline in response.context["inline_admin_formsets"]:
        data.update(_values_of(inline.formset.management_form))
        # the empty rows of Django's extra forms are not filled in
        forms = inline.formset.initial_forms
        data[f"{inline.formset.prefix}-TOTAL_FORMS"] = len(forms)
        for form in forms:
            data.update(_values_of(form))
    for name, value in changes.items():
        data[name.replace("__", "-")] = value
    return {name: value for name, value in data.items() if value is not None}


def _values_of(form):
    found = {}
    for bound in form:
        value = bound.value()
        if value is False or bound.field.disabled:
            continue
        name = form.add_prefix(bound.name)
        if isinstance(value, dict):
            value = json.dumps(value)
        if isinstance(value, GEOSGeometry):
            value = value.geojson
        found[name] = "" if value is None else value
    return found
