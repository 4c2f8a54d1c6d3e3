"""Reads the schema of our tables from the database, in words that compare."""

from __future__ import annotations

import re

from django.db import connection

PREFIX = "firmware_upgrader_"

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype <> 'n'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"


def read_schema() -> dict:
    """Returns, for each table, its columns, constraints and indexes by name."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        tables = [name for name in names if name.startswith(PREFIX)]
        read = _postgres if connection.vendor == "postgresql" else _sqlite
        return {table: read(cursor, table) for table in tables}


def _rows(cursor, sql, *values):
    cursor.execute(sql, values)
    return cursor.fetchall()


def _postgres(cursor, table):
    columns = _rows(cursor, COLUMNS, table)
    return {
        "columns": {name: list(facts) for name, *facts in columns},
        "constraints": dict(_rows(cursor, CONSTRAINTS, table)),
        "indexes": dict(_rows(cursor, INDEXES, table)),
    }


def _sqlite(cursor, table):
    ((sql,),) = _rows(cursor, "SELECT sql FROM sqlite_master WHERE name = %s", table)
    inside = sql[sql.index("(") + 1 : sql.rindex(")")]
    definitions = [" ".join(part.split()) for part in _split(inside)]
    facts = _rows(cursor, f"PRAGMA table_info('{table}')")
    keys = _rows(cursor, f"PRAGMA foreign_key_list('{table}')")
    return {
        # the definition holds what pragmas keep to themselves, such as checks
        "columns": {text.split()[0].strip('"'): text for text in definitions},
        "facts": {name: list(more) for _, name, *more in facts},
        "constraints": {row[3]: list(row[2:]) for row in keys},
        "indexes": {
            name: [unique, origin, partial, _index_columns(cursor, name)]
            for _, name, unique, origin, partial in _rows(
                cursor, f"PRAGMA index_list('{table}')"
            )
            if not name.startswith("sqlite_autoindex")
        },
    }


def _index_columns(cursor, name):
    return [row[2] for row in _rows(cursor, f"PRAGMA index_info('{name}')")]


def _split(text):
    """Yields what top level commas part."""
    depth, start = 0, 0
    for match in re.finditer(r"[(),]", text):
        if match.group() == ",":
            if depth == 0:
                yield text[start : match.start()]
                start = match.end()
        else:
            depth += 1 if match.group() == "(" else -1
    yield text[start:]
