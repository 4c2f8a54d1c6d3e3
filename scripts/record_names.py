"""The public names of the package, with the signatures that are promised.

``python scripts/record_names.py`` writes ``tests/data/public_names.txt`` anew, with the
signatures of today: the names that stand there, those of 1.3.1 and those that pages and
the sample app import. To promise one more, add a line with its module and its name and
run this. A name is taken back by hand only.

``--print`` prints what the package has now, also of the names of 1.3.1 that are left
out; ``tests/qa`` compares.
"""

from __future__ import annotations

import argparse
import enum
import functools
import importlib
import inspect
import logging
import os
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "openwisp_firmware_upgrader"
DATA = ROOT / "tests" / "data"
PROMISED = DATA / "public_names.txt"
LEFT_OUT = DATA / "names_left_out.txt"
PUBLISHED = DATA / "1.3.1-names.txt"
# the package itself, in the column of modules
ITSELF = "."
MISSING = "missing"
HEAD = """\
# Public names: module, name, and what it is; "..." is a default that is no plain value.
# Written by scripts/record_names.py, compared by tests/qa/test_public_names.py.
"""
IMPORT = re.compile(
    rf"^ *from {PACKAGE}(?:\.([\w.]+))? import (?:\(([^)]*)\)|(.*))$", re.M
)
SIMPLE = (type(None), bool, int, float, str, bytes)
PROPERTIES = (property, functools.cached_property)

Name = tuple[str, str]


def rows(path: Path) -> list[tuple[str, str, str]]:
    """Returns module, name and the rest of each line of a list."""
    lines = path.read_text().splitlines()
    cells = [line.split(" ", 2) for line in lines if line and line[0] != "#"]
    return [(row[0], row[1], row[2] if row[2:] else "") for row in cells]


def promised() -> dict[Name, str]:
    """Returns what each promised name is."""
    return {(module, name): text for module, name, text in rows(PROMISED)}


def published() -> list[Name]:
    """Returns the names of 1.3.1."""
    return [(module, name) for module, name, _ in rows(PUBLISHED)]


def is_left_out(module: str, name: str) -> bool:
    """Tells whether a name of 1.3.1 is on the list of exceptions."""
    return any(
        module == place and fnmatchcase(name, pattern)
        for place, pattern, _ in rows(LEFT_OUT)
    )


def pages() -> list[Path]:
    """Returns what shows others how to import: pages and the sample project."""
    found = [*(ROOT / "docs").rglob("*.rst"), *(ROOT / "docs").rglob("*.inc")]
    found += (ROOT / "tests" / "openwisp2").rglob("*.py")
    return sorted([ROOT / "README.rst", *found])


def imported() -> set[Name]:
    """Returns the names that pages and the sample project import."""
    found = set()
    for module, several, one in IMPORT.findall("\n".join(map(Path.read_text, pages()))):
        for entry in re.sub("#.*", "", several or one).split(","):
            name = entry.split(" as ")[0].strip()
            if name and name != "*":
                found.add((module or ITSELF, name))
    return found


def find(module: str, name: str) -> tuple[Any, Any]:
    """Returns a name's owner and value; AttributeError or ImportError without it."""
    owner = None
    value = importlib.import_module(f"{PACKAGE}.{module}".rstrip("."))
    for part in name.split("."):
        owner, value = value, attribute(value, part)
    return owner, value


def attribute(owner: Any, name: str) -> Any:
    """Returns an attribute; of a package, also a module that was not imported yet."""
    if isinstance(owner, ModuleType) and not hasattr(owner, name):
        try:
            return importlib.import_module(f"{owner.__name__}.{name}")
        except ModuleNotFoundError:
            pass
    return getattr(owner, name)


def describe(module: str, name: str) -> str:
    """Returns what a name is, ``missing`` if there is none."""
    try:
        owner, value = find(module, name)
    except (AttributeError, ImportError, RuntimeError):
        # the last: with swapped models the concrete ones cannot be imported
        return MISSING
    if inspect.isclass(value):
        return describe_class(value)
    special = describe_special(value)
    return special or describe_member(owner, name.rpartition(".")[2], value)


def describe_special(value: Any) -> str:
    """Returns what a module, logger, task or view is; empty for anything else."""
    if isinstance(value, ModuleType):
        return "module"
    if isinstance(value, logging.Logger):
        return f"logger {value.name}"
    if is_task(value):
        return f"task{signature(value.run)} {value.name}"
    is_view = hasattr(value, "view_class") or hasattr(value, "cls")
    return "view" if is_view and inspect.isfunction(value) else ""


def is_task(value: Any) -> bool:
    """Tells whether a value is a Celery task."""
    from celery import Task

    return isinstance(value, Task)


def describe_class(value: type) -> str:
    """Returns how a class is called, unless a library decides that."""
    own = inspect.unwrap(value.__init__)
    if not is_ours(own):
        return "class"
    _self, *others = inspect.signature(own).parameters.values()
    return f"class{shown(others)}"


def describe_member(owner: Any, name: str, value: Any) -> str:
    """Returns what an attribute of a module or class is."""
    raw = value
    if inspect.isclass(owner) and not is_member(owner, name):
        raw = inspect.getattr_static(owner, name, value)
    if isinstance(raw, PROPERTIES) or type(raw).__name__ == "cached_property":
        return "property"
    if not inspect.isroutine(value):
        return "list" if isinstance(value, list) else "attribute"
    kind = "method" if inspect.isclass(owner) else "function"
    if isinstance(raw, classmethod | staticmethod):
        kind, raw = type(raw).__name__, raw.__func__
    own = inspect.unwrap(raw)
    if not is_ours(own):
        return kind
    return f"{'async ' * inspect.iscoroutinefunction(own)}{kind}{signature(own)}"


def is_member(owner: type, name: str) -> bool:
    """Tells whether a name is a member of an enumeration."""
    return issubclass(owner, enum.Enum) and name in owner.__members__


def is_ours(value: Any) -> bool:
    """Tells whether a function is one of this package, written in Python."""
    home = (getattr(value, "__module__", None) or "").partition(".")[0]
    return inspect.isfunction(value) and home == PACKAGE


def signature(function: Any) -> str:
    """Returns the parameters of a function without annotations."""
    return shown(inspect.signature(function).parameters.values())


def shown(parameters: Any) -> str:
    """Returns parameters as text."""
    plain = [
        one.replace(
            annotation=inspect.Parameter.empty,
            default=one.default if one.default is one.empty else Shown(one.default),
        )
        for one in parameters
    ]
    return str(inspect.Signature(plain))


class Shown:
    """A default as it is written into the list."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        empty = type(self.value) in (tuple, list, dict) and not self.value
        return repr(self.value) if empty or type(self.value) in SIMPLE else "..."


def start() -> None:
    """Sets Django up with the sample project."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp2.settings")
    os.environ.setdefault("TESTING", "1")
    import django

    django.setup()


def lines(names: Any) -> list[str]:
    """Returns a line for each name."""
    return [" ".join([*name, describe(*name)]) for name in sorted(names)]


def write() -> None:
    """Writes the list anew; exits when a name of it does not exist any more."""
    wanted = {name for name in published() if not is_left_out(*name)}
    text = lines({*wanted, *promised(), *imported()})
    gone = [line for line in text if line.endswith(f" {MISSING}")]
    if gone:
        sys.exit("\n".join(gone))
    PROMISED.write_text(HEAD + "".join(f"{line}\n" for line in text))


def main() -> None:
    """Writes the list or, if so asked, prints what there is."""
    parser = argparse.ArgumentParser(description="Records the public names.")
    parser.add_argument("--print", action="store_true", help="write no file")
    asked = parser.parse_args()
    start()
    if asked.print:
        print("\n".join(lines({*published(), *promised(), *imported()})))
    else:
        write()


if __name__ == "__main__":
    main()
