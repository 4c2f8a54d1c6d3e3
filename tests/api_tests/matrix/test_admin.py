"""Every page of the admin, role and kind of object has the answer of the table.

``MATRIX_WRITE=1`` writes the table anew; read it line by line afterwards.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("project")
TABLE = "admin"


def test_every_page_is_in_the_table(asker):
    from django.test import RequestFactory

    from . import admin

    admin.TABLE.check_rows(admin.cells())
    request = RequestFactory().get("/")
    request.user = asker.world.users["superuser"]
    assert admin.actions(request) == {each["action"] for each in admin.ACTIONS.values()}


def test_every_cell(asker, caplog):
    from . import admin
    from .cell import Cells

    # thousands of refusals are what this test is about
    caplog.set_level("CRITICAL", "django.request")
    cells = Cells(asker, asker.world.secrets())
    cells.check(admin.TABLE, admin.cells())
