"""In Italian no status stays English, live updates included."""

from __future__ import annotations

import re

from openwisp_firmware_upgrader.statuses import OperationStatus

from .test_mass_upgrades import launch, statuses

SLOW = 100_000
# the log of an operation is English, everything else is not
PARTS = ".batch-totals, .status-content, .field-status .readonly, .field-completed"


def test_no_english_status_after_a_live_update(
    project, driver, superuser, site, worker
):
    from stack import Web

    from .page import Browser

    server = Web(project, FIRMWARE_LANGUAGE="it")
    try:
        browser = Browser(driver, server.url)
        here = site(devices=2, link_rate=SLOW)
        browser.log_in(superuser)
        launch(browser, here)
        browser.connected("batchUpgradeProgressWebSocket")
        browser.until(lambda: statuses(browser) == ["success"] * 2, "success", 90)
        browser.until_text(".field-status .readonly", "100%")
        shown = " ".join(found.text for found in browser.find_all(PARTS))
        assert "riuscita" in shown
        for status in OperationStatus:
            english = re.escape(str(status.label))
            assert not re.search(rf"\b{english}\b", shown), shown
        assert browser.surprises() == []
    finally:
        driver.get("about:blank")
        server.stop()
