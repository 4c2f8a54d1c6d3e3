"""What values of settings may look like; each rule yields what is wrong, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeGuard, cast

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

Rule = Callable[[object], Iterable[str]]

# of Celery's options of a retry, those that the engine honours
RETRY_OPTIONS = frozenset(
    {
        "max_retries",
        "retry_backoff",
        "retry_backoff_max",
        "retry_jitter",
        "default_retry_delay",
    }
)
STORAGE_METHODS = ("open", "save", "delete", "exists", "listdir")


def _wrong(expected: str, value: object) -> str:
    text = _("%(expected)s is expected, not %(value)r.")
    return text % {"expected": expected, "value": value}


def boolean(value: object) -> Iterator[str]:
    """Allows True and False."""
    if not isinstance(value, bool):
        yield _wrong(_("True or False"), value)


def text(value: object) -> Iterator[str]:
    """Allows text."""
    if not isinstance(value, str):
        yield _wrong(_("a text"), value)


def number(least: int, *, whole: bool = False, none: bool = False) -> Rule:
    """Returns the rule of numbers.

    Arguments:
        least: the smallest number allowed.
        whole: whether fractions are refused.
        none: whether None is allowed.
    """

    def rule(value: object) -> Iterator[str]:
        if value is None and none:
            return
        if not _is_number(value, whole) or not value >= least:
            kind = _("a whole number") if whole else _("a number")
            expected = _("%(kind)s, %(least)s or more%(none)s")
            values = {
                "kind": kind,
                "least": least,
                "none": _(", or None") if none else "",
            }
            yield _wrong(expected % values, value)

    return rule


def either(*rules: Rule) -> Rule:
    """Returns the rule of values that obey one of several rules."""

    def rule(value: object) -> Iterator[str]:
        problems = [list(each(value)) for each in rules]
        if all(problems):
            yield problems[-1][0]

    return rule


def keys(*, others_allowed: bool = False, **known: Rule) -> Rule:
    """Returns the rule of dictionaries.

    Arguments:
        others_allowed: whether keys that are not known are none of our affair.
        known: the rule of each key that may be there.
    """

    def rule(value: object) -> Iterator[str]:
        if value is None:
            return
        if not isinstance(value, dict):
            yield _wrong(_("a dictionary"), value)
            return
        for key, item in value.items():
            if key in known:
                yield from (f"{key}: {problem}" for problem in known[key](item))
            elif not others_allowed:
                line = _("unknown key %(key)r, there are: %(known)s.")
                yield line % {"key": key, "known": ", ".join(known)}

    return rule


def upgraders(value: object) -> Iterator[str]:
    """Allows a dictionary of texts; whether they can be imported is another check."""
    if not isinstance(value, dict):
        yield _wrong(_("a dictionary"), value)
        return
    for item in (*value.keys(), *value.values()):
        if not isinstance(item, str):
            yield _wrong(_("the path of a class as text"), item)


def storage(value: object) -> Iterator[str]:
    """Allows the path of an instance of a storage."""
    if not isinstance(value, str):
        yield _wrong(_("the path of a storage instance as text"), value)
        return
    try:
        found = import_string(value)
    except Exception as error:  # noqa: BLE001 a module may raise anything
        line = _("%(path)s cannot be imported: %(error)s")
        yield line % {"path": value, "error": error}
        return
    missing = [name for name in STORAGE_METHODS if not hasattr(found, name)]
    if isinstance(found, type) or missing:
        yield _("%(path)s is not the instance of a storage.") % {"path": value}


def _is_number(value: object, whole: bool) -> TypeGuard[int | float]:
    kinds = int if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool)


def custom_images(value: object) -> Iterator[str]:
    """Allows pairs of image type and its label and boards, or None."""
    if value is None:
        return
    if isinstance(value, str) or not isinstance(value, Iterable):
        yield _wrong(_("a list of pairs"), value)
        return
    for entry in value:
        yield from _custom_image(entry)


def _custom_image(entry: object) -> Iterator[str]:
    is_pair = isinstance(entry, list | tuple) and len(entry) == 2  # noqa: PLR2004 two
    name, facts = cast("Sequence[object]", entry) if is_pair else (None, None)
    if not isinstance(name, str) or not isinstance(facts, dict):
        yield _wrong(_("a pair of image type and dictionary"), entry)
        return
    if not isinstance(facts.get("label"), str):
        yield f"{name}: " + _wrong(_("a text as label"), facts.get("label"))
    boards = facts.get("boards")
    listed = [boards] if isinstance(boards, str) else boards
    if (
        not isinstance(listed, list | tuple | set | frozenset)
        or not listed
        or not all(isinstance(board, str) and board for board in listed)
    ):
        yield f"{name}: " + _wrong(_("a list of names as boards"), boards)
