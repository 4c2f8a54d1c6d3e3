"""Which release an image installs, as its device will report it."""

from __future__ import annotations

from typing import Any

from ..foreign_text import clean_fact


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
    facts = {name: clean_fact(version.get(name)) for name in ("version", "revision")}
    known = {name: fact for name, fact in facts.items() if fact}
    if len(known) < 2:
        return known
    dist = clean_fact(version.get("dist")) or "OpenWrt"
    known["description"] = f"{dist} {known['version']} {known['revision']}"
    return known
