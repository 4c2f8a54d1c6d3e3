from __future__ import annotations

import pytest

from openwisp_firmware_upgrader.testing.fleet import Fleet


@pytest.fixture(scope="session")
def shared_fleet():
    with Fleet(devices=3, boot_time=0.2) as fleet:
        yield fleet


@pytest.fixture
def fleet(shared_fleet):
    """Three devices as new, for each test."""
    shared_fleet.reset()
    return shared_fleet
