"""One device: the upgrade from its tab, live; cancel, failure, retry."""

from __future__ import annotations

import re

STATUS = ".field-status .readonly"
# slow enough to be seen while it runs, in bytes per second
SLOW = 40_000


def choose_image(browser, site, device=None) -> None:
    """Opens the firmware tab and chooses the new image."""
    browser.open(f"{site.page(device)}#devicefirmware-group")
    browser.until_seen("#id_devicefirmware-0-image")
    browser.choose("#id_devicefirmware-0-image", site.firmware.new.pk)


def save(browser) -> None:
    """Saves the device and stays on its page."""
    browser.submit('#device_form input[name="_continue"]')


def operation_page(operation) -> str:
    """Returns the path of an operation's page."""
    from django.urls import reverse

    return reverse(
        "admin:firmware_upgrader_upgradeoperation_change", args=[operation.pk]
    )


def test_upgrade_from_the_tab_is_followed_live(browser, superuser, site, worker):
    here = site(size=1024 * 1024, link_rate=60_000)
    browser.log_in(superuser)
    choose_image(browser, here)
    browser.until_seen("#devicefirmware-group .jsoneditor-wrapper")
    browser.until_text("#ow-firmware-notice", "will be installed")
    save(browser)
    browser.open(f"{here.page()}#upgradeoperation_set-group")
    browser.connected("upgradeProgressWebSocket")
    browser.until_seen(".upgrade-status-in-progress")
    percents = set()

    def ended():
        for text in browser.find_all(".upgrade-progress-text"):
            percents.add(int(text.text.rstrip("%")))
        return browser.has(".upgrade-status-success")

    browser.until(ended, "success on the page", 90)
    assert any(20 < percent < 60 for percent in percents), percents
    browser.until_text("#upgradeoperation_set-group .field-log .readonly", "success")
    operation = here.ended("success")
    shown = browser.text("#upgradeoperation_set-group .field-log .readonly")
    assert [line.strip() for line in shown.split("\n")] == [
        line.strip() for line in operation.log.split("\n")
    ]
    assert here.fleet.device(0).flashes
    assert len(shown_times(browser)) > 3, "live lines have their times"
    tab = f"{here.page()}#upgradeoperation_set-group"
    for page in (operation_page(operation), tab):
        browser.open(page)
        browser.connected("upgradeProgressWebSocket")
        browser.until_seen(".field-log time")
        browser.until(
            lambda: shown_times(browser) == stored_times(operation), "the stored times"
        )
        log = browser.find(".field-log .readonly")
        # times are beside the text, never in it: what is read or copied is the log
        assert log.get_property("textContent") == operation.log.replace("\n", "")
        assert browser.text(".field-log .readonly").split("\n")[0].strip() == (
            operation.log.split("\n")[0].strip()
        )
        gap = log.value_of_css_property("padding-left")
        assert float(gap.removesuffix("px")) > 60, "the times have no room"
        drawn = "getComputedStyle(document.querySelector('time'), '::before').content"
        assert re.fullmatch(r'"\d\d:\d\d:\d\d"', browser.run(f"return {drawn}"))
        assert str(operation.created.year) in browser.find(
            ".field-log time"
        ).get_attribute("title")


def shown_times(browser) -> list[int]:
    """Returns the times beside the log, in seconds since 1970."""
    script = (
        "return [...document.querySelectorAll('.field-log time')]"
        ".map((mark) => Date.parse(mark.dateTime) / 1000)"
    )
    return browser.run(script)


def stored_times(operation) -> list[int]:
    """Returns the times of an operation's log, in seconds since 1970."""
    return [int(line.split()[1]) for line in operation.log_times.splitlines()]


def test_cancel_in_the_middle_of_an_upload(browser, superuser, site, worker):
    here = site(size=1024 * 1024, link_rate=SLOW)
    browser.log_in(superuser)
    choose_image(browser, here)
    save(browser)
    operation = here.operation()
    browser.open(operation_page(operation))
    browser.connected("upgradeProgressWebSocket")

    def is_uploading():
        text = browser.text(".upgrade-progress-text")
        return int(re.sub(r"\D", "", text) or 0) > 20

    browser.until(is_uploading, "the upload", 60)
    for dismissal in (".ow-dialog-close", ".ow-dialog-close-x"):
        browser.click(".upgrade-cancel-btn")
        browser.until_seen("#ow-cancel-confirmation-modal")
        browser.click(dismissal)
        browser.until_gone("#ow-cancel-confirmation-modal")
    browser.click(".upgrade-cancel-btn")
    title = browser.until_seen(".ow-cancel-confirmation-title")
    assert title.text == "STOP UPGRADE OPERATION"
    browser.click(".ow-cancel-btn-confirm")
    browser.until_seen(".upgrade-status-cancelled")
    browser.until_gone(".upgrade-cancel-btn")
    here.ended("cancelled")
    assert here.fleet.device(0).flashes in ((), [])
    assert not browser.has("#ow-loading")


def test_keyboard_in_the_dialog(browser, superuser, site, worker):
    from selenium.webdriver.common.keys import Keys

    here = site(size=1024 * 1024, link_rate=SLOW)
    browser.log_in(superuser)
    choose_image(browser, here)
    save(browser)
    browser.open(operation_page(here.operation()))
    button = browser.until_seen(".upgrade-cancel-btn")
    browser.run("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    browser.until_seen("#ow-cancel-confirmation-modal[role=dialog][aria-modal=true]")

    def focused():
        return browser.driver.switch_to.active_element

    inside = "return document.activeElement.closest('#ow-cancel-confirmation-modal')"
    for _step in range(5):
        focused().send_keys(Keys.TAB)
        assert browser.run(inside), "the focus left the dialog"
    focused().send_keys(Keys.ESCAPE)
    browser.until_gone("#ow-cancel-confirmation-modal")
    assert "upgrade-cancel-btn" in focused().get_attribute("class")


def test_failure_shows_its_reason_and_is_tried_again(browser, superuser, site, worker):
    here = site(devices=0, faults=["refuses"])
    browser.log_in(superuser)
    choose_image(browser, here)
    save(browser)
    failed = here.operation()
    browser.open(operation_page(failed))
    browser.until_seen(".upgrade-status-failed", 60)
    browser.until_text(".operation-reason", "Image check failed")
    browser.until_text(".operation-reason", "The device refused")
    told = browser.text(".operation-reason")
    browser.driver.refresh()
    assert browser.until_text(".operation-reason", "Image check failed") == told
    here.fleet.set_fault("none", 0)
    browser.submit(".operation-retry button")
    again = here.operation()
    assert again.pk != failed.pk
    browser.until_seen(".upgrade-status-success", 60)
    here.ended("success")
    assert not browser.has(".operation-reason")


def test_with_the_rest_api_off_everything_else_works(
    project, driver, superuser, site, worker
):
    from stack import Web

    from .page import Browser

    server = Web(project, FIRMWARE_API="false")
    try:
        browser = Browser(driver, server.url)
        here = site(size=512 * 1024, link_rate=100_000)
        browser.log_in(superuser)
        choose_image(browser, here)
        save(browser)
        browser.open(operation_page(here.operation()))
        button = browser.until_seen(".upgrade-cancel-btn")
        assert not button.is_enabled()
        assert "disabled" in button.get_attribute("class")
        browser.connected("upgradeProgressWebSocket")
        browser.until_seen(".upgrade-status-success", 60)
        assert browser.surprises() == []
    finally:
        driver.get("about:blank")
        server.stop()
