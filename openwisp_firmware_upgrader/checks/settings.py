"""System checks: every setting of the app, and what SpatiaLite needs.

The settings are read from Django at call time, so that ``manage.py check`` tells
what is wrong with the settings as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from . import validators

LABEL = "firmware_upgrader"
PREFIX = "OPENWISP_FIRMWARE"
Rule = Callable[[object], Iterable[str]]

# setting -> id of its message, what is wrong with a value, what to write instead
SETTINGS: dict[str, tuple[str, Rule, str]] = {
    "OPENWISP_CUSTOM_OPENWRT_IMAGES": (
        "E010",
        validators.custom_images,
        '(("type-squashfs-sysupgrade.bin", {"label": "Name", "boards": ("Board",)}),)',
    ),
    f"{PREFIX}_UPGRADERS_MAP": (
        "E011",
        validators.upgraders,
        '{"update strategy": "path.of.the.upgrader.Class"}',
    ),
    f"{PREFIX}_UPGRADER_MAX_FILE_SIZE": (
        "E012",
        validators.number(0, whole=True, none=True),
        "31457280",
    ),
    f"{PREFIX}_UPGRADER_RETRY_OPTIONS": (
        "E013",
        validators.keys(
            max_retries=validators.number(0, whole=True, none=True),
            retry_backoff=validators.either(validators.boolean, validators.number(0)),
            retry_backoff_max=validators.number(1),
            retry_jitter=validators.boolean,
            default_retry_delay=validators.number(0, none=True),
            others_allowed=True,
        ),
        '{"max_retries": 4, "retry_backoff": 60, "retry_backoff_max": 600, '
        '"retry_jitter": True}',
    ),
    f"{PREFIX}_UPGRADER_TASK_TIMEOUT": ("E014", validators.number(1), "1500"),
    f"{PREFIX}_UPGRADER_LEASE": (
        "E015",
        validators.keys(seconds=validators.number(1), tick=validators.number(1)),
        '{"seconds": 60, "tick": 30}',
    ),
    f"{PREFIX}_UPGRADER_CONCURRENCY": (
        "E016",
        validators.keys(
            total=validators.number(1, whole=True, none=True),
            per_organization=validators.number(1, whole=True, none=True),
            per_batch=validators.number(1, whole=True, none=True),
        ),
        '{"total": 50, "per_organization": 10, "per_batch": None}',
    ),
    f"{PREFIX}_UPGRADER_UPLOAD_RATE": (
        "E017",
        validators.keys(
            per_device=validators.number(1, whole=True, none=True),
            per_worker=validators.number(1, whole=True, none=True),
        ),
        '{"per_device": 500_000, "per_worker": None}',
    ),
    f"{PREFIX}_UPGRADER_OPENWRT_SETTINGS": (
        "E018",
        validators.keys(
            reconnect_delay=validators.number(0),
            reconnect_retry_delay=validators.number(0),
            reconnect_max_retries=validators.number(1, whole=True),
            upgrade_timeout=validators.number(1),
        ),
        '{"reconnect_delay": 180, "reconnect_retry_delay": 20, '
        '"reconnect_max_retries": 35, "upgrade_timeout": 90}',
    ),
    f"{PREFIX}_UPGRADER_API": ("E019", validators.boolean, "True"),
    f"{PREFIX}_API_BASEURL": ("E020", validators.text, '"/"'),
    f"{PREFIX}_PRIVATE_STORAGE_INSTANCE": (
        "E021",
        validators.storage,
        '"project.storages.firmware", the path of an instance',
    ),
}
# what Celery knows of retries and the engine does not use
WITHOUT_EFFECT = f"{LABEL}.W013"


def check_settings(**kwargs: object) -> list[CheckMessage]:
    """Checks the type, the keys and the values of each setting."""
    found: list[CheckMessage] = []
    for name, (number, rule, example) in SETTINGS.items():
        if not hasattr(settings, name):
            continue
        hint = _("Write %(name)s = %(example)s, or leave it out for the default.")
        values = {"name": name, "example": example}
        found += [
            Error(f"{name}: {problem}", hint=hint % values, id=f"{LABEL}.{number}")
            for problem in rule(getattr(settings, name))
        ]
    return found


def check_retry_options(**kwargs: object) -> list[CheckMessage]:
    """Warns of options of Celery that the engine does not use."""
    name = f"{PREFIX}_UPGRADER_RETRY_OPTIONS"
    given = getattr(settings, name, None)
    keys = given if isinstance(given, dict) else ()
    unused = sorted(set(keys) - validators.RETRY_OPTIONS)
    text = _("%(name)s: %(keys)s has no effect.")
    hint = _("The options that count are %(keys)s.")
    return [
        Warning(
            text % {"name": name, "keys": key},
            hint=hint % {"keys": ", ".join(sorted(validators.RETRY_OPTIONS))},
            id=WITHOUT_EFFECT,
        )
        for key in unused
    ]


def check_upgraders(**kwargs: object) -> list[CheckMessage]:
    """Checks that every upgrader of the map can be imported and upgrades."""
    given = getattr(settings, f"{PREFIX}_UPGRADERS_MAP", None)
    paths = given.values() if isinstance(given, dict) else ()
    found: list[CheckMessage] = []
    for path in paths:
        problem = _problem_of_upgrader(path) if isinstance(path, str) else ""
        if problem:
            hint = _(
                "Correct the path in OPENWISP_FIRMWARE_UPGRADERS_MAP. Until then every "
                "upgrade of a device with this strategy fails."
            )
            found.append(Error(problem, hint=hint, id=f"{LABEL}.E022"))
    return found


def _problem_of_upgrader(path: str) -> str:
    try:
        upgrader = import_string(path)
    except Exception as error:  # noqa: BLE001 a module may raise anything
        text = _("The upgrader %(path)s cannot be imported: %(error)s")
        return text % {"path": path, "error": error}
    if callable(getattr(upgrader, "upgrade", None)):
        return ""
    return _("The upgrader %(path)s has no method upgrade.") % {"path": path}


def can_load_extensions() -> bool:
    """Tells whether this Python can load extensions of SQLite."""
    return hasattr(sqlite3.Connection, "enable_load_extension")


def check_spatialite(**kwargs: object) -> list[CheckMessage]:
    """Checks that a SpatiaLite database can be opened by this Python."""
    engines = (str(of.get("ENGINE", "")) for of in settings.DATABASES.values())
    if can_load_extensions() or not any("spatialite" in name for name in engines):
        return []
    text = _(
        "The database is SpatiaLite, but this Python was built without loading of "
        "SQLite extensions."
    )
    hint = _(
        "Use Debian's or Ubuntu's python3, build Python with "
        "--enable-loadable-sqlite-extensions, or use PostgreSQL with PostGIS."
    )
    return [Error(text, hint=hint, id=f"{LABEL}.E002")]


def check_downloads(**kwargs: object) -> list[CheckMessage]:
    """Checks that nginx is told where it finds the files it has to send."""
    by_nginx = getattr(settings, "PRIVATE_STORAGE_SERVER", "django") == "nginx"
    if not by_nginx or hasattr(settings, "PRIVATE_STORAGE_INTERNAL_URL"):
        return []
    text = _(
        "PRIVATE_STORAGE_SERVER is nginx, PRIVATE_STORAGE_INTERNAL_URL is not set."
    )
    hint = _(
        'Set PRIVATE_STORAGE_INTERNAL_URL = "/private-x-accel-redirect/", the internal '
        "location of nginx. Until then every download fails."
    )
    return [Error(text, hint=hint, id=f"{LABEL}.E023")]


CHECKS = (
    check_settings,
    check_retry_options,
    check_upgraders,
    check_spatialite,
    check_downloads,
)
