"""Small rooms: the ceilings of a folder, of a module and of a function."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "openwisp_firmware_upgrader"
MODULE_LINES = 300
FUNCTION_LINES = 40
ROOT_MODULES = 16
FOLDER_ENTRIES = 20
# of the annotated parameters, those that say Any, whole or in part
ANY_SHARE = 0.1
# data tables, migrations and tests may be longer
FREE = ("migrations", "tests")
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in FREE
)


def name(path):
    """Returns how a module is called in the report."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_is_small(path):
    lines = len(path.read_text().splitlines())
    cure = "move a concern into a room of its own"
    assert lines <= MODULE_LINES, f"{lines} lines, {MODULE_LINES} allowed: {cure}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_small(path):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long, f"{FUNCTION_LINES} lines allowed, name what its parts do: {long}"


def annotations_of(path):
    """Yields the annotation of each parameter of a module that has one."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, kinds):
            found = node.args
            named = [*found.posonlyargs, *found.args, *found.kwonlyargs]
            for each in (*named, found.vararg, found.kwarg):
                if each is not None and each.annotation is not None:
                    yield each.annotation


def says_any(annotation):
    """Tells whether an annotation leaves something open."""
    nodes = ast.walk(annotation)
    return any(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)


def test_annotations_say_what_is_passed():
    found = {name(path): list(annotations_of(path)) for path in MODULES}
    every = sum(map(len, found.values()))
    opened = {key: sum(map(says_any, each)) for key, each in found.items()}
    cure = "the package `protocols` describes rows, connections and upgraders"
    worst = sorted(opened.items(), key=lambda pair: -pair[1])[:10]
    assert sum(opened.values()) <= ANY_SHARE * every, f"{worst}: {cure}"


def test_root_of_the_package_is_small():
    modules = sorted(path.name for path in PACKAGE.glob("*.py"))
    modules.remove("__init__.py")
    cure = "each concern has a folder, the chart of architecture.rst names them"
    assert len(modules) <= ROOT_MODULES, f"{modules}: {cure}"


def test_folders_are_small():
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    # one file for each page and promise, named for whoever subclasses its classes
    folders.remove(PACKAGE / "tests")
    full = {
        name(folder): len(entries)
        for folder in folders
        if len(entries := [*folder.glob("*.py"), *folder.glob("*/__init__.py")])
        > FOLDER_ENTRIES
    }
    cure = f"{FOLDER_ENTRIES} allowed, sort them by what they are for"
    assert not full, f"{full}: {cure}"
