"""Delta debugging: the smallest list that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def shrink(
    items: Sequence[Item],
    fails: Callable[[list[Item]], bool],
    go_on: Callable[[], bool] = lambda: True,
) -> list[Item]:
    """Returns a sublist that fails although no single item of it can go.

    Arguments:
        items: a list that fails.
        fails: tells whether a sublist fails.
        go_on: asked before each try; False ends the search with the best so far.
    """
    best, parts = list(items), 2
    while best and go_on():
        smaller = _smaller(best, min(parts, len(best)), fails, go_on)
        if smaller is not None:
            best, parts = smaller, max(parts - 1, 2)
        elif parts >= len(best):
            return best
        else:
            parts *= 2
    return best


def _smaller(
    best: list[Item],
    parts: int,
    fails: Callable[[list[Item]], bool],
    go_on: Callable[[], bool],
) -> list[Item] | None:
    size = -(-len(best) // parts)
    for start in range(0, len(best), size):
        rest = best[:start] + best[start + size :]
        if not go_on():
            return None
        if fails(rest):
            return rest
    return None
