"""One request of one role, undone afterwards, and what it changed or gave away.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

from django.db import connection, transaction

WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
SAFE = ("GET", "HEAD", "OPTIONS")
# answers of requests that were allowed to do what they asked for
DONE = ("200", "201", "204", "302")


def contents():
    """Returns all rows of all tables."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names()):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found[table] = sorted(row[0] for row in cursor.fetchall())
    return found


class Cells:
    """Asks everything as every role, and keeps what was wrong.

    Arguments:
        asker: has ``ask(role, *key)``, which returns a response, ``sent``, the text
            of the request, and ``told(key, response)``: what a table says of it.
        secrets: texts by role that no answer to it may hold.
    """

    def __init__(self, asker, secrets):
        self.asker, self.secrets = asker, secrets
        self.before = contents()
        self.changes, self.leaks = [], []

    def row(self, roles, key):
        """Returns what the roles are told."""
        return [self.ask(role, key) for role in roles]

    def ask(self, role, key):
        """Returns what one role is told."""
        point = transaction.savepoint()
        wrote = []

        def note(execute, sql, *args):
            wrote.append(sql.lstrip().startswith(WRITES))
            return execute(sql, *args)

        with connection.execute_wrapper(note):
            response = self.asker.ask(role, *key)
            content = b"".join(response) if response.streaming else response.content
        told = self.asker.told(key, response)
        if any(wrote) and (told not in DONE or key[1] in SAFE):
            after = contents()
            changed = [name for name in after if after[name] != self.before[name]]
            self.changes += [f"{role} {key} {told}: {changed}"] if changed else []
        transaction.savepoint_rollback(point)
        self._look_for_secrets(role, key, content)
        return told

    def _look_for_secrets(self, role, key, content):
        found = [
            secret
            for secret in self.secrets[role]
            # what was in the request may be in its answer
            if secret.encode() in content and secret not in self.asker.sent
        ]
        self.leaks += [f"{role} {key}: {found}"] if found else []

    def check(self):
        """Asserts that refusals changed nothing, and that nothing was given away."""
        found = "\n".join(self.changes)
        assert not found, f"refused or asked only, and yet changed:\n{found}"
        found = "\n".join(self.leaks)
        assert not found, f"told to whom it does not belong:\n{found}"
