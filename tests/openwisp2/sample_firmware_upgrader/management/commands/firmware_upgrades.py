"""Django finds commands in installed apps only, so a derived app names it again."""

from openwisp_firmware_upgrader.management.commands.firmware_upgrades import (  # noqa: F401
    Command,
)
