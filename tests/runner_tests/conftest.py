"""Fake suites for the tests of the runner."""

from __future__ import annotations

import pytest

from .fakes import Fakes


@pytest.fixture
def fakes(tmp_path, capfd):
    """Makes fake suites in a folder of this test."""
    return Fakes(tmp_path, lambda: capfd.readouterr().out)
