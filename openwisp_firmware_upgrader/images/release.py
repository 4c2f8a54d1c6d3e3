"""Which release an image installs, as its device will report it."""

from __future__ import annotations

from typing import Any


def release_of(metadata: dict[str, Any] | None) -> dict[str, str]:
    """Returns what the metadata say of the release.

    Arguments:
        metadata: the image's metadata (openwrt.md 4.2), None without any.

    Returns ``version``, ``revision`` and ``description`` as far as known; the
    description is what ``ubus call system board`` reports after the upgrade.
    """
    version = (metadata or {}).get("version")
    if not isinstance(version, dict):
        return {}
    known = {
        name: str(version[name])
        for name in ("version", "revision")
        if version.get(name)
    }
    if len(known) < 2:
        return known
    dist = version.get("dist") or "OpenWrt"
    known["description"] = f"{dist} {known['version']} {known['revision']}"
    return known
