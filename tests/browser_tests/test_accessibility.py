"""What we render breaks no rule of axe-core that the stock admin keeps."""

from __future__ import annotations

from pathlib import Path

import axe_core_python
import pytest

from .test_mass_upgrades import ask, build_page, launch
from .test_operations import choose_image, operation_page, save

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
RUN = """
const [scopes, TOAST, done] = arguments;
const what = scopes.length ? {include: scopes.map((css) => [css])}
                           : {exclude: [[TOAST]]};
axe.run(what, {resultTypes: ["violations"]})
  .then((found) => done(found.violations), (error) => done(String(error)));
"""
# what openwisp-notifications shows on any page as soon as there is news
TOAST = ".ow-notification-toast-wrapper"
GRAVE = ("serious", "critical")
# broken by pages of the stock admin and theme on which nothing is ours; the
# last one by the stock page of a device: openwisp-notifications puts its button
# into every row of object tools
INHERITED = {
    "aria-allowed-attr",
    "aria-input-field-name",
    "button-name",
    "color-contrast",
    "label",
    "meta-viewport",
    "duplicate-id-active",
}


def broken(browser, *scopes: str) -> dict[str, list[str]]:
    """Returns the serious and critical rules that are broken, with the elements.

    Arguments:
        browser: on the page.
        scopes: CSS selectors of the parts to look at, none = the whole page.
    """
    browser.run(AXE)
    found = browser.driver.execute_async_script(RUN, scopes, TOAST)
    assert isinstance(found, list), found
    return {
        rule["id"]: [node["html"] for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in GRAVE
    }


def own(browser, stock: set[str]) -> dict[str, list[str]]:
    """Returns what is broken anywhere on the page and not inherited."""
    found = broken(browser)
    return {rule: nodes for rule, nodes in found.items() if rule not in stock}


def broken_without_us(browser, site) -> set[str]:
    """Returns the rules the page of a device breaks when it has none of our tabs.

    It has none for who may see devices but neither firmware nor operations.
    """
    from django.contrib.auth.models import Permission

    user = site.manager()
    user.groups.clear()
    for app in ("config", "connection", "geo"):
        rights = Permission.objects.filter(content_type__app_label=app)
        user.user_permissions.add(*rights)
    browser.log_in(user)
    browser.open(site.page())
    browser.until_seen("#device_form")
    assert not browser.find_all("#devicefirmware-group, #upgradeoperation_set-group")
    rules = set(broken(browser))
    assert rules <= INHERITED
    return rules


@pytest.fixture
def stock(browser, superuser):
    """The rules that pages of the stock admin and theme break."""
    from django.urls import reverse

    browser.log_in(superuser)
    rules = set()
    for name in ("openwisp_users_user_add", "config_device_changelist"):
        browser.open(reverse(f"admin:{name}"))
        rules |= set(broken(browser))
    assert rules <= INHERITED
    return rules


def test_axe_sees_what_is_broken(browser, superuser):
    browser.log_in(superuser)
    browser.open("/admin/")
    browser.run(
        "const image = document.createElement('img'); image.src = '/static/x.svg';"
        "image.id = 'bad'; document.body.append(image)"
    )
    browser.expected.append("x.svg")
    assert "image-alt" in broken(browser, "#bad")


def test_device_tabs(browser, superuser, site, worker, stock):
    here = site(size=1024 * 1024, link_rate=40_000)
    stock = stock | broken_without_us(browser, here)
    browser.log_in(superuser)
    choose_image(browser, here)
    browser.until_seen("#devicefirmware-group .jsoneditor-wrapper")
    browser.until_seen("#ow-firmware-notice")
    assert broken(browser, "#devicefirmware-group", "#ow-firmware-notice") == {}
    save(browser)
    browser.open(f"{here.page()}#upgradeoperation_set-group")
    browser.until_seen(".upgrade-status-in-progress")
    assert broken(browser, "#upgradeoperation_set-group") == {}
    browser.click(".upgrade-cancel-btn")
    browser.until_seen("#ow-cancel-confirmation-modal")
    assert broken(browser, "#ow-cancel-confirmation-modal") == {}
    browser.click(".ow-dialog-close")
    assert own(browser, stock) == {}


def test_operation_page_with_dialog(browser, superuser, site, worker, stock):
    here = site(size=1024 * 1024, link_rate=40_000)
    browser.log_in(superuser)
    choose_image(browser, here)
    save(browser)
    browser.open(operation_page(here.operation()))
    browser.until_seen(".upgrade-status-in-progress")
    parts = ("#upgradeoperation_form", "#operation-facts")
    assert broken(browser, *parts) == {}
    browser.click(".upgrade-cancel-btn")
    browser.until_seen("#ow-cancel-confirmation-modal")
    assert broken(browser, "#ow-cancel-confirmation-modal") == {}
    browser.click(".ow-cancel-btn-confirm")
    browser.until_seen(".upgrade-status-cancelled")
    assert broken(browser, *parts) == {}
    assert own(browser, stock) == {}


def test_confirmation_and_batch_pages(browser, superuser, site, worker, stock):
    here = site(devices=1, faults=["refuses"])
    browser.log_in(superuser)
    browser.open(build_page(here))
    assert own(browser, stock) == {}
    ask(browser, here)
    browser.until_seen(".jsoneditor-wrapper")
    assert broken(browser, "#content-main") == {}
    assert own(browser, stock) == {}
    launch(browser, here)
    parts = ("#batch-summary", "#batch-operations", "#batchupgradeoperation_form")
    browser.until_text(".field-status .readonly", "completed with some failures", 90)
    browser.driver.refresh()
    browser.ready()
    browser.until_seen("#result_list .upgrade-progress-bar")
    assert broken(browser, *parts) == {}
    assert own(browser, stock) == {}
