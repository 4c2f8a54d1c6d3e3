"""What a failed test leaves behind does not make the ones after it fail, too."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nothing_goes_on(project):
    """Ends workers and operations that a test has left at work."""
    yield
    from openwisp_firmware_upgrader.swapper import load_model

    left = load_model("UpgradeOperation").objects.filter(status="in-progress")
    batches = load_model("BatchUpgradeOperation").objects
    batches = batches.filter(status__in=("idle", "in-progress"))
    if left.exists() or batches.exists():
        project.stop_workers()
        project.redis.flush()
        ended = {"phase": "done", "next_run_at": None, "lease_expires_at": None}
        left.update(status="aborted", **ended)
        batches.update(status="failed", launched=True)
