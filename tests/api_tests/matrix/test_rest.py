"""Every route, method, role and kind of object has the answer of the table.

``MATRIX_WRITE=1`` writes the table anew; read it line by line afterwards.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("project")
TABLE = "rest"


def test_every_route_is_in_the_table(asker):
    from . import rest

    rest.TABLE.check_rows(rest.cells())
    assert len(rest.routes()) >= 16


def test_every_cell(asker, caplog):
    from . import rest
    from .cell import Cells

    # thousands of refusals are what this test is about
    caplog.set_level("CRITICAL", "django.request")
    cells = Cells(asker, asker.world.secrets())
    cells.check(rest.TABLE, rest.cells())
