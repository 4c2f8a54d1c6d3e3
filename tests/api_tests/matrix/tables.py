"""The tables: what each role is answered, one row for each route and target."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent
# letters of a role at the top of its column
WIDTH = 7


class Table:
    """A table as a file that is read line by line.

    Arguments:
        name: of the file.
        roles: the columns.
    """

    def __init__(self, name, roles):
        self.file = FOLDER / f"{name}.txt"
        self.roles = roles

    def write(self, rows):
        """Writes answers by (route, method, target)."""
        first, second = (max(len(key[part]) for key in rows) for part in (0, 1))
        short = [role[:WIDTH] for role in self.roles]
        lines = [("route", "method", "target", *short)]
        lines += [(*key, *answers) for key, answers in rows.items()]
        text = "".join(
            f"{line[0]:{first}} {line[1]:{second}} {line[2]:9} "
            + " ".join(f"{answer:{WIDTH}}" for answer in line[3:]).rstrip()
            + "\n"
            for line in lines
        )
        self.file.write_text(text)

    def read(self):
        """Returns the answers of the file by (route, method, target)."""
        rows = {}
        for line in self.file.read_text().splitlines()[1:]:
            name, method, target, *answers = re.split(r"\s+", line.strip())
            rows[name, method, target] = answers
        return rows

    def check(self, rows):
        """Asserts that all answers are those of the file.

        ``MATRIX_WRITE=1`` writes the file anew.
        """
        if os.environ.get("MATRIX_WRITE"):
            self.write(rows)
        expected = self.read()
        nothing = [""] * len(self.roles)
        wrong = [
            f"{' '.join(key)} as {role}: {right} expected, {seen} seen"
            for key, row in rows.items()
            for role, right, seen in zip(
                self.roles, expected.get(key, nothing), row, strict=True
            )
            if right != seen
        ]
        assert wrong == []

    def check_rows(self, cells):
        """Asserts that the file has a row for all that can be asked, and no other."""
        rows = self.read()
        assert {len(row) for row in rows.values()} == {len(self.roles)}
        cells = set(cells)
        assert cells - set(rows) == set(), "without a row"
        assert set(rows) - cells == set(), "rows of nothing"
