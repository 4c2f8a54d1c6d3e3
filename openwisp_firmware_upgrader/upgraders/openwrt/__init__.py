"""Upgrades devices that run OpenWrt; import ``OpenWrt`` from here."""

from .upgrader import OpenWrt

__all__ = ["OpenWrt"]
