"""Small rooms in the browser too: the ceilings of a script and of its functions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "openwisp_firmware_upgrader"
SCRIPTS = sorted((PACKAGE / "static").rglob("*.js"))
SCRIPT_LINES = 300
FUNCTION_LINES = 40
# what opens a block with parentheses but is no function
BLOCKS = {"if", "for", "while", "switch", "catch", "with"}
# comments, texts and regular expressions may hold braces that open nothing
OPAQUE = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r"|\"(?:\\.|[^\"\\\n])*\""
    r"|'(?:\\.|[^'\\\n])*'"
    r"|`(?:\\.|[^`\\])*`"
    r"|(?<=[(,=:\[!&|?;{}\n])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/",
    re.DOTALL,
)


def blanked(script: str) -> str:
    """Returns a script without what is opaque, its lines where they were."""
    return OPAQUE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), script)


def partner(code: str, end: int) -> int:
    """Returns where the parenthesis opens that is closed at a place."""
    depth = 0
    for place in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(code[place], 0)
        if not depth:
            return place
    raise AssertionError("parentheses do not match")


def head_of(code: str, brace: int) -> int | None:
    """Returns where the function begins whose body a brace opens, None without."""
    before = code[:brace].rstrip()
    if before.endswith("=>"):
        before = before[:-2].rstrip()
        if not before.endswith(")"):
            return len(before)
        return partner(before, len(before) - 1)
    if not before.endswith(")"):
        return None
    start = partner(before, len(before) - 1)
    word = re.search(r"([\w$]*)\s*$", before[:start])
    return None if word[1] in BLOCKS else word.start()


def functions(script: str) -> list[tuple[int, int]]:
    """Returns first line and number of lines of each function of a script.

    The one that wraps a whole script is none.
    """
    code = blanked(script)
    opened, found = [], []
    for place, sign in enumerate(code):
        if sign == "{":
            opened.append(head_of(code, place))
        elif sign == "}":
            head = opened.pop()
            if head is None or re.search(r"(^|\n)\($", code[:head]):
                continue
            first = code.count("\n", 0, head) + 1
            found.append((first, code.count("\n", 0, place) + 2 - first))
    assert not opened, "braces do not match"
    return found


def name(path: Path) -> str:
    """Returns how a script is called in the report."""
    return path.name


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_script_is_small(path):
    lines = len(path.read_text().splitlines())
    cure = "move a concern into a file of its own"
    assert lines <= SCRIPT_LINES, f"{lines} lines, {SCRIPT_LINES} allowed: {cure}"


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_functions_of_scripts_are_small(path):
    found = functions(path.read_text())
    assert found, "a script without a function: does the test still see them?"
    long = [f"line {first}: {n} lines" for first, n in found if n > FUNCTION_LINES]
    assert not long, f"{FUNCTION_LINES} allowed, name what its parts do: {long}"


def test_functions_of_every_kind_are_measured():
    script = """
(function ($) {
  const PLAIN = /[{(]/g, TEXT = "{(", OTHER = `{${"}"}`; // {
  function one(a, b) {
    if (a) {
      return { a };
    }
  }
  class Two {
    three() {
      return 1;
    }
  }
  const four = (a) => {
    return a;
  };
  $(function () {
    for (const x of []) {
    }
  });
})(jQuery);
"""
    assert functions(script) == [(4, 5), (10, 3), (14, 3), (17, 4)]
    long = "(function () {\nfunction f() {\n" + "x();\n" * 40 + "}\n})();\n"
    assert functions(long) == [(2, 42)]
    assert functions("function f() {\n}\n") == [(1, 2)]
