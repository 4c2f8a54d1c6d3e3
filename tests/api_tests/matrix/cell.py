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
            of the request, and ``answer(key, response)``: what a table says of it.
        secrets: texts by role that no answer to it may hold.
    """

    def __init__(self, asker, secrets):
        self.asker, self.secrets = asker, secrets
        self.before = contents()
        self.changes, self.leaks = [], []

    def check(self, table, keys):
        """Asserts that all answers are those of a table, and none an error.

        Nor may a refusal have changed anything, or anybody been given a secret.
        """
        rows = {key: [self.ask(role, key) for role in table.roles] for key in keys}
        table.check(rows)
        found = "\n".join(self.changes)
        assert not found, f"refused or asked only, and yet changed:\n{found}"
        found = "\n".join(self.leaks)
        assert not found, f"said to whom it does not belong:\n{found}"
        answers = {answer for row in rows.values() for answer in row}
        assert not [answer for answer in answers if answer.startswith("5")]

    def ask(self, role, key):
        """Returns the answer to one role."""
        point = transaction.savepoint()
        wrote = []

        def note(execute, sql, *args):
            wrote.append(sql.lstrip().startswith(WRITES))
            return execute(sql, *args)

        with connection.execute_wrapper(note):
            response = self.asker.ask(role, *key)
            content = b"".join(response) if response.streaming else response.content
        answer = self.asker.answer(key, response)
        if any(wrote) and (answer not in DONE or key[1] in SAFE):
            after = contents()
            changed = [name for name in after if after[name] != self.before[name]]
            self.changes += [f"{role} {key} {answer}: {changed}"] if changed else []
        transaction.savepoint_rollback(point)
        self._look_for_secrets(role, key, content)
        return answer

    def _look_for_secrets(self, role, key, content):
        found = [
            secret
            for secret in self.secrets[role]
            # what was in the request may be in its answer
            if secret.encode() in content and secret not in self.asker.sent
        ]
        self.leaks += [f"{role} {key}: {found}"] if found else []
