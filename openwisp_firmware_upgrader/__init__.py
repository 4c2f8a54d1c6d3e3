"""Firmware upgrades of OpenWrt devices for OpenWISP."""

VERSION = (1, 4, 0, "alpha")
__version__ = VERSION  # alias


def get_version() -> str:
    """Returns the version as text, such as ``1.4a0`` or, when final, ``1.3.1``."""
    # the number of a pre-release may follow
    known: tuple[int | str, ...] = VERSION
    major, minor, patch, stage, *rest = known
    version = f"{major}.{minor}"
    if patch:
        version = f"{version}.{patch}"
    if known[3:] == ("alpha", 0):
        return f"{version} pre-alpha"
    if stage != "final":
        version = f"{version}{str(stage)[0]}{rest[0] if rest else 0}"
    return version
