"""The socket is lost and comes back; without any the page asks by itself."""

from __future__ import annotations

from .test_operations import choose_image, operation_page, save

NOTICE = "#ow-live-notice"


def start(browser, site, superuser):
    """Starts a slow upgrade and opens its page."""
    browser.log_in(superuser)
    choose_image(browser, site)
    save(browser)
    operation = site.operation()
    browser.open(operation_page(operation))
    browser.connected("upgradeProgressWebSocket")
    return operation


def test_socket_is_killed_and_comes_back(project, driver, superuser, site, worker):
    from stack import Web

    from .page import Browser

    server = Web(project)
    try:
        browser = Browser(driver, server.url)
        here = site(size=512 * 1024, link_rate=100_000)
        start(browser, here, superuser)
        browser.until_seen(".upgrade-status-in-progress")
        server.stop()
        browser.until_text(NOTICE, "interrupted")
        operation = here.ended("success")
        assert browser.has(".upgrade-status-in-progress")
        server.start()
        browser.until_seen(".upgrade-status-success", 60)
        browser.until_gone(NOTICE)
        last = operation.log.strip().split("\n")[-1]
        browser.until_text(".field-log .readonly", last)
        browser.expected += ["WebSocket", "ERR_CONNECTION_REFUSED"]
        assert browser.surprises() == []
    finally:
        driver.get("about:blank")
        server.stop()


def test_without_any_socket_the_page_is_polled(browser, superuser, site, worker):
    here = site(size=512 * 1024, link_rate=100_000)
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["ws://*"]})
    script = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "window.WebSocket = class { constructor() {"
            " setTimeout(() => this.onclose && this.onclose({}), 0); } close() {} };"
            " window.WebSocket.CONNECTING = 0; window.WebSocket.OPEN = 1;"
            " window.WebSocket.CLOSED = 3;"
        },
    )
    try:
        browser.log_in(superuser)
        choose_image(browser, here)
        save(browser)
        browser.open(operation_page(here.operation()))
        browser.until_text(NOTICE, "every 10 seconds", 60)
        here.ended("success")
        browser.until_seen(".upgrade-status-success", 60)
    finally:
        browser.driver.execute_cdp_cmd(
            "Page.removeScriptToEvaluateOnNewDocument", script
        )
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
