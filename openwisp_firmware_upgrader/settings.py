"""Settings of the app, read once from Django's settings.

Code that can be affected at run time reads ``settings.NAME`` at call time. What is no
dictionary where one is expected counts as not given: ``checks/settings.py`` warns.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from openwisp_controller.connection.settings import DEFAULT_UPDATE_STRATEGIES


def _mapping(name: str, default: dict[str, Any]) -> dict[str, Any]:
    given = getattr(settings, name, None)
    return given if isinstance(given, dict) else default


def _limits(name: str, keys: Collection[str]) -> dict[str, int | None]:
    given = _mapping(name, {})
    limits = {**dict.fromkeys(keys), **given}
    for key, limit in limits.items():
        if key not in keys:
            raise ImproperlyConfigured(
                f"{name}: unknown key {key!r}, there are: {', '.join(keys)}."
            )
        is_number = isinstance(limit, int) and not isinstance(limit, bool)
        if limit is not None and not (is_number and limit > 0):
            raise ImproperlyConfigured(
                f"{name}[{key!r}]: a whole number above 0 or None is expected, "
                f"not {limit!r}."
            )
    return limits


CUSTOM_OPENWRT_IMAGES = getattr(settings, "OPENWISP_CUSTOM_OPENWRT_IMAGES", None)

UPGRADERS_MAP = _mapping(
    "OPENWISP_FIRMWARE_UPGRADERS_MAP",
    {
        DEFAULT_UPDATE_STRATEGIES[0][
            0
        ]: "openwisp_firmware_upgrader.upgraders.openwrt.OpenWrt",
        DEFAULT_UPDATE_STRATEGIES[1][
            0
        ]: "openwisp_firmware_upgrader.upgraders.openwisp.OpenWisp1",
    },
)

MAX_FILE_SIZE = getattr(
    settings, "OPENWISP_FIRMWARE_UPGRADER_MAX_FILE_SIZE", 30 * 1024 * 1024
)

RETRY_OPTIONS = _mapping(
    "OPENWISP_FIRMWARE_UPGRADER_RETRY_OPTIONS",
    {
        "max_retries": 4,
        "retry_backoff": 60,
        "retry_backoff_max": 600,
        "retry_jitter": True,
    },
)

# seconds one half of an upgrade, or the launch of a batch, may take
TASK_TIMEOUT = getattr(settings, "OPENWISP_FIRMWARE_UPGRADER_TASK_TIMEOUT", 1500)

# seconds a worker's lease lasts, and between two scans for lost operations
LEASE = {
    "seconds": 60,
    "tick": 30,
    **_mapping("OPENWISP_FIRMWARE_UPGRADER_LEASE", {}),
}

# operations that may hold a connection at once, None: as many as there are workers
CONCURRENCY = _limits(
    "OPENWISP_FIRMWARE_UPGRADER_CONCURRENCY",
    ("total", "per_organization", "per_batch"),
)

# bytes a second that uploads may take
UPLOAD_RATE = _limits(
    "OPENWISP_FIRMWARE_UPGRADER_UPLOAD_RATE", ("per_device", "per_worker")
)

FIRMWARE_UPGRADER_API = getattr(settings, "OPENWISP_FIRMWARE_UPGRADER_API", True)
FIRMWARE_API_BASEURL = getattr(settings, "OPENWISP_FIRMWARE_API_BASEURL", "/")
OPENWRT_SETTINGS = _mapping("OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS", {})

# part of migrations, never change it
IMAGE_URL_PATH = "firmware/"

_storage = getattr(
    settings,
    "OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE",
    "openwisp_firmware_upgrader.private_storage.storage.file_system_private_storage",
)

try:
    PRIVATE_STORAGE_INSTANCE = import_string(_storage)
except (ImportError, AttributeError) as error:
    raise ImproperlyConfigured(
        f"OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE: cannot import {_storage!r}, "
        f"the path of a storage instance is expected ({error})."
    ) from error
