"""Which boards a firmware image type fits.

The table is a data file, one line per image type: type, label, boards
separated by ``|``. The order is the order of the choices people see.
"""

from __future__ import annotations

import csv
from collections import OrderedDict
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from .. import settings as app_settings
from ..checks import validators

ImageMap = OrderedDict[str, dict[str, Any]]


def read_table() -> ImageMap:
    """Returns the built-in image types by name."""
    table = files(__package__).joinpath("openwrt.csv").read_text("utf-8")
    return OrderedDict(
        (
            row["image_type"],
            {"label": row["label"], "boards": tuple(row["boards"].split("|"))},
        )
        for row in csv.DictReader(table.splitlines())
    )


def as_boards(boards: str | Iterable[str]) -> tuple[str, ...]:
    """Returns boards as a tuple; a bare string is one board."""
    return (boards,) if isinstance(boards, str) else tuple(boards)


def read_custom(
    images: Iterable[tuple[str, dict[str, Any]]] | None,
) -> ImageMap:
    """Returns the image types of OPENWISP_CUSTOM_OPENWRT_IMAGES by name.

    What cannot be read is left out, the system checks tell what is wrong with it.
    """
    if isinstance(images, str) or not isinstance(images, Iterable):
        return OrderedDict()
    return OrderedDict(
        (entry[0], {**entry[1], "boards": as_boards(entry[1]["boards"])})
        for entry in images
        if not any(validators.custom_images([entry]))
    )


def join(custom: ImageMap, built_in: ImageMap) -> ImageMap:
    """Returns both tables, custom entries first; they win over built-in ones."""
    return OrderedDict(
        {**custom, **{k: v for k, v in built_in.items() if k not in custom}}
    )


def reverse(images: ImageMap, custom: Iterable[str] = ()) -> dict[str, str]:
    """Returns the image type of each board.

    Of several types that list a board the last one counts, as ath79 came after
    ar71xx; a custom type counts before every built-in one.
    """
    found = {board: name for name, entry in images.items() for board in entry["boards"]}
    for name in custom:
        found.update(dict.fromkeys(images[name]["boards"], name))
    return found


_custom = read_custom(app_settings.CUSTOM_OPENWRT_IMAGES)

OPENWRT_FIRMWARE_IMAGE_MAP = join(_custom, read_table())
# the place to merge other families of systems
FIRMWARE_IMAGE_MAP = OPENWRT_FIRMWARE_IMAGE_MAP
REVERSE_FIRMWARE_IMAGE_MAP = reverse(FIRMWARE_IMAGE_MAP, _custom)
FIRMWARE_IMAGE_TYPE_CHOICES = [
    (name, entry["label"]) for name, entry in FIRMWARE_IMAGE_MAP.items()
]


def types_of_board(board: str) -> list[str]:
    """Returns every image type that lists ``board``, the likeliest first."""
    types = [k for k, entry in FIRMWARE_IMAGE_MAP.items() if board in entry["boards"]]
    likeliest = REVERSE_FIRMWARE_IMAGE_MAP.get(board)
    return sorted(types, key=lambda name: name != likeliest)
