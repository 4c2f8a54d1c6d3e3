"""Sphinx configuration."""

project = "openwisp-firmware-upgrader"
author = "OpenWISP firmware upgrader contributors"
release = version = "1.4.0 alpha"
html_theme = "alabaster"
exclude_patterns = ["_build"]
