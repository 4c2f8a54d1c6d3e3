"""Draws the layers of ``pyproject.toml`` into the page about the architecture.

``scripts/draw_layers.py`` writes the chart anew; ``tests/qa`` compares, so that the
page and the contract that import-linter checks cannot differ.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "developer" / "architecture.rst"
BEGIN = ".. begin of the chart, which scripts/draw_layers.py draws\n"
END = ".. end of the chart\n"
INDENT, NAME, WIDTH = 4, 18, 88


def contracts() -> list[tuple[Path, list[list[str]]]]:
    """Returns the folder and the layers of each contract, top down."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = []
    for contract in tables["tool"]["importlinter"]["contracts"]:
        (container,) = contract["containers"]
        layers = [re.findall(r"\w+", layer) for layer in contract["layers"]]
        found.append((ROOT / Path(*container.split(".")), layers))
    return found


def purpose(folder: Path, name: str) -> str:
    """Returns what a module or a folder is for: the first sentence of its docstring."""
    path = folder / name
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.split("\n")[0].rstrip(".")


def chart(folder: Path, layers: list[list[str]]) -> str:
    """Returns a contract as a literal block, a blank line between two layers."""
    blocks = []
    for layer in layers:
        lines = [f"{name:<{NAME}}{purpose(folder, name)}" for name in layer]
        blocks.append("\n".join(_wrapped(line) for line in lines))
    title = f"``{folder.relative_to(ROOT)}/``, from the top down::"
    return f"{title}\n\n" + "\n\n".join(blocks) + "\n"


def _wrapped(line: str) -> str:
    first, others = " " * INDENT, " " * (INDENT + NAME)
    return textwrap.fill(line, WIDTH, initial_indent=first, subsequent_indent=others)


def drawn(page: str) -> str:
    """Returns the page with its chart drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    charts = "\n".join(chart(folder, layers) for folder, layers in contracts())
    return f"{before}{BEGIN}\n{charts}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
