"""Every route, method, role and kind of object has the answer of the table.

``MATRIX_WRITE=1`` writes the table anew; read it line by line afterwards.
"""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.usefixtures("project")
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.fixture(scope="module")
def asker(project):
    """Asks in a transaction that never ends."""
    from django.db import transaction

    from .matrix import Asker
    from .world import World

    with transaction.atomic():
        yield Asker(World("matrix-"))
        transaction.set_rollback(True)


def contents():
    """Returns all rows of all tables."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names()):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found[table] = sorted(row[0] for row in cursor.fetchall())
    return found


class Cell:
    """One request of one role, undone afterwards."""

    def __init__(self, asker, before):
        self.asker, self.before = asker, before

    def ask(self, role, key):
        """Returns the status, and what a refused request has changed."""
        from django.db import connection, transaction
        from django.test.utils import CaptureQueriesContext

        point = transaction.savepoint()
        with CaptureQueriesContext(connection) as queries:
            response = self.asker.ask(role, *key)
            if response.streaming:
                response.getvalue()
        changed = []
        wrote = any(q["sql"].lstrip().startswith(WRITES) for q in queries)
        if response.status_code >= 400 and wrote:
            after = contents()
            changed = [name for name in after if after[name] != self.before[name]]
        transaction.savepoint_rollback(point)
        return response.status_code, changed


def test_every_route_is_in_the_table(asker):
    from . import matrix
    from .world import ROLES

    assert {len(row) for row in matrix.read().values()} == {len(ROLES)}
    rows = {key[:2] for key in matrix.read()}
    wanted = {key[:2] for key in matrix.cells()}
    assert wanted - rows == set(), "routes and methods without a row"
    assert rows - wanted == set(), "rows without a route"
    assert set(matrix.read()) == set(matrix.cells())
    assert len(matrix.routes()) >= 16


def test_every_cell(asker, caplog):
    from . import matrix
    from .world import ROLES

    # thousands of refusals are what this test is about
    caplog.set_level("CRITICAL", "django.request")
    cell = Cell(asker, contents())
    table, changes = {}, []
    for key in matrix.cells():
        table[key] = []
        for role in ROLES:
            status, changed = cell.ask(role, key)
            table[key].append(status)
            changes += [f"{role} {key}: {changed}"] if changed else []
    if os.environ.get("MATRIX_WRITE"):
        matrix.FILE.write_text(matrix.text_of(table))
    expected = matrix.read()
    wrong = [
        f"{' '.join(key)} as {role}: {right} expected, {seen} seen"
        for key, row in table.items()
        for role, right, seen in zip(ROLES, expected.get(key, [0] * 9), row)
        if right != seen
    ]
    assert wrong == []
    assert changes == [], "refused, and yet something changed"
    assert max(max(row) for row in table.values()) < 500
