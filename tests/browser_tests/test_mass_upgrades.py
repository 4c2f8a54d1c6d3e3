"""Mass upgrades: asked for, launched, followed to the end, searched and filtered."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest
from django.urls import reverse

SLOW = 100_000
ROWS = "#result_list td.status-cell"


def build_page(site) -> str:
    """Returns the path of the new build's page."""
    name = "admin:firmware_upgrader_build_change"
    return reverse(name, args=[site.firmware.new_build.pk])


def ask(browser, site) -> None:
    """Opens the page that asks before a mass upgrade."""
    browser.open(build_page(site))
    browser.submit('.title-wrapper .object-tools form button[type="submit"]')
    browser.until_seen("#mass-upgrade-candidates")


def launch(browser, site) -> None:
    """Launches a mass upgrade and lands on its page."""
    ask(browser, site)
    browser.submit('input[name="upgrade_all"]')
    browser.until_seen("#batchupgradeoperation_form")


def group_of(site, *devices):
    """Returns a new group with some of the devices."""
    from swapper import load_model

    model = load_model("config", "DeviceGroup")
    group = model.objects.create(name="Roof", organization=site.owner)
    model = load_model("config", "Device")
    model.objects.filter(pk__in=[device.pk for device in devices]).update(group=group)
    return group


def choose_select2(browser, name: str, value) -> None:
    """Chooses in a select that select2 has taken over."""
    browser.run(
        "django.jQuery(arguments[0]).val(arguments[1]).trigger('change')",
        browser.find(f"#id_{name}"),
        str(value),
    )


def count(browser, name: str) -> str:
    """Returns a number of the confirmation page."""
    return browser.text(f'[data-count="{name}"]')


def statuses(browser) -> list[str]:
    """Returns the statuses of the listed operations."""
    return [
        cell.get_attribute("data-operation-status") for cell in browser.find_all(ROWS)
    ]


def seconds(duration: str) -> int:
    """Returns the seconds of a duration such as "0:01:02"."""
    hours, minutes, rest = map(int, duration.split(":"))
    return 3600 * hours + 60 * minutes + rest


def download(browser, link) -> str:
    """Returns what a link of the page leads to."""
    cookies = browser.driver.get_cookies()
    text = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
    request = Request(link.get_attribute("href"), headers={"Cookie": text})
    with urlopen(request) as response:
        return response.read().decode()


def test_group_filter_live_to_the_end_and_csv(browser, superuser, site, worker):
    here = site(devices=4, link_rate=SLOW)
    chosen = here.devices[:2]
    group = group_of(here, *chosen)
    browser.log_in(superuser)
    ask(browser, here)
    assert count(browser, "ready") == "4"
    choose_select2(browser, "group", group.pk)
    browser.until(lambda: count(browser, "ready") == "2", "the count of the group")
    browser.until_seen(".jsoneditor-wrapper input[type=checkbox]")
    browser.submit('input[name="upgrade_all"]')
    browser.connected("batchUpgradeProgressWebSocket")
    browser.until(lambda: len(statuses(browser)) == 2, "two rows", 60)
    links = {link.text for link in browser.find_all("a.device-link")}
    assert links == {device.name for device in chosen}
    browser.until(lambda: set(statuses(browser)) == {"success"}, "success", 90)
    browser.until_text(".field-status .readonly", "completed successfully")
    browser.until_text(".field-completed .readonly", "2 out of 2")
    browser.until_seen(".batch-main-progress .completed-successfully")
    browser.until_text('.batch-total[data-status="success"]', "2")
    browser.until_text(".field-success_rate .readonly", "100.0%")
    browser.until_text(".device-model", chosen[0].model)
    browser.until_text(".operation-last-line", "Upgrade completed successfully.")
    # what was true while it ran only
    assert not browser.has(".batch-time-left")
    assert not browser.has(".operation-now")
    taken = browser.text(".batch-duration")
    browser.driver.refresh()
    browser.ready()
    assert seconds(browser.text(".batch-duration")) == pytest.approx(
        seconds(taken), abs=2
    )
    assert browser.text(".field-success_rate .readonly") == "100.0%"
    table = download(browser, browser.find("a.batch-csv"))
    assert all(device.name in table for device in chosen)
    assert table.count("success") >= 2
    assert here.fleet.ledger().flashes == 2


def test_search_filter_and_pages_while_it_runs(browser, superuser, site, worker):
    here = site(devices=25, link_rate=SLOW)
    browser.log_in(superuser)
    launch(browser, here)
    page = browser.driver.current_url.removeprefix(browser.url)
    browser.connected("batchUpgradeProgressWebSocket")
    browser.until(lambda: len(statuses(browser)) == 20, "a full page", 60)
    browser.open(page)
    browser.submit('.pagination a[rel="next"]')
    assert len(statuses(browser)) == 5
    browser.connected("batchUpgradeProgressWebSocket")
    name = here.devices[7].name
    browser.find("#searchbar").send_keys(name)
    browser.submit('#changelist-search input[type="submit"]')
    assert [link.text for link in browser.find_all("a.device-link")] == [name]
    browser.connected("batchUpgradeProgressWebSocket")
    browser.until(lambda: statuses(browser) == ["success"], "its success", 120)
    # the events of 24 others have added no row
    assert len(browser.find_all("a.device-link")) == 1
    browser.open(f"{page}?status=failed")
    assert statuses(browser) == []
    browser.submit("#changelist-filter-clear a")
    assert len(statuses(browser)) == 20
    browser.until_text(".field-status .readonly", "completed successfully", 120)
    browser.until_text(".field-completed .readonly", "25 out of 25")
    assert set(statuses(browser)) == {"success"}


def test_filter_by_clicks_like_an_operator(browser, superuser, site, worker):
    here = site(devices=1, faults=["refuses"])
    browser.log_in(superuser)
    launch(browser, here)
    browser.until_text(".field-status .readonly", "completed with some failures", 90)
    browser.until_seen(".batch-main-progress .partial-success")
    browser.driver.refresh()
    browser.ready()
    browser.click(".ow-filter.status .filter-title")
    browser.until_seen(".ow-filter.status .filter-options a")
    options = browser.find_all(".ow-filter.status .filter-options a")
    failed = next(option for option in options if option.text == "failed")
    old = browser.find("html")
    failed.click()
    browser.until(lambda: browser._is_gone(old), "the filtered page")
    browser.ready()
    assert statuses(browser) == ["failed"]


def test_two_organizations_side_by_side(browser, site, worker):
    first, second = site(devices=2, link_rate=SLOW), site(devices=2, link_rate=SLOW)
    pages = {}
    for here in (first, second):
        browser.log_in(here.manager())
        launch(browser, here)
        pages[here.owner] = browser.driver.current_url.removeprefix(browser.url)
    # the second manager: own mass upgrade live, nothing of the other one
    browser.connected("batchUpgradeProgressWebSocket")
    browser.until(lambda: statuses(browser) == ["success"] * 2, "success", 90)
    text = browser.text()
    assert not any(device.name in text for device in first.devices)
    browser.open(pages[first.owner])
    assert "batchupgradeoperation" not in browser.driver.current_url
    assert not any(device.name in browser.text() for device in first.devices)
    browser.log_in(first.manager())
    browser.open(pages[first.owner])
    browser.until(lambda: statuses(browser) == ["success"] * 2, "success", 90)
    browser.open(reverse("admin:firmware_upgrader_batchupgradeoperation_changelist"))
    assert len(browser.find_all("#result_list tbody tr")) == 1


def options(browser) -> list:
    """Returns the checkboxes of the options; the editor hides others."""
    found = browser.find_all("#id_upgrade_options_jsoneditor input[type=checkbox]")
    return [box for box in found if box.is_displayed()]


def test_options_that_exclude_each_other_are_explained(browser, superuser, site):
    here = site(devices=1)
    browser.log_in(superuser)
    ask(browser, here)
    browser.until(lambda: len(options(browser)) == 7, "seven options")
    chosen = [box.is_selected() for box in options(browser)]
    assert chosen == [True] + [False] * 6
    options(browser)[2].click()
    browser.until_text(".ow-options-conflict", "cannot be used together")
    options(browser)[0].click()
    browser.until_gone(".ow-options-conflict")


def test_confirmation_page_asks_for_nothing_that_is_missing(browser, superuser, site):
    here = site(devices=1)
    browser.log_in(superuser)
    ask(browser, here)
    browser.until(lambda: len(options(browser)) == 7, "seven options")
    browser.until(lambda: "icon-deletelink" in str(answers(browser)), "the icon")
    assert [path for path, status in answers(browser) if status >= 400] == []


def answers(browser) -> list[list]:
    """Returns address and HTTP status of all that a page has asked for."""
    script = (
        "return performance.getEntriesByType('resource')"
        ".map((entry) => [entry.name, entry.responseStatus])"
    )
    return browser.run(script)


def test_button_for_known_firmware_comes_when_it_belongs(
    browser, superuser, site, worker
):
    here = site(devices=2)
    group = group_of(here, *here.devices)
    browser.log_in(superuser)
    ask(browser, here)
    related = 'input[name="upgrade_related"]'
    assert not browser.has(related)
    known, unknown = here.devices
    unknown.devicefirmware.delete()
    choose_select2(browser, "group", group.pk)
    browser.until_seen(related)
    assert count(browser, "related") == count(browser, "firmwareless") == "1"
    choose_select2(browser, "group", "")
    browser.until(lambda: not browser.find("#id_group").get_attribute("value"), "none")
    assert len(browser.find_all(related)) == 1
    browser.submit(related)
    browser.until_seen("#batchupgradeoperation_form")
    browser.until(lambda: len(statuses(browser)) == 1, "one row", 60)
    assert browser.text("a.device-link") == known.name


def test_search_on_the_confirmation_page(browser, superuser, site):
    here = site(devices=3)
    browser.log_in(superuser)
    ask(browser, here)
    browser.find("#mass-upgrade-q").send_keys(here.devices[1].name)
    rows = ".mass-upgrade-devices tbody tr"
    browser.until(lambda: len(browser.find_all(rows)) == 1, "one device")
    assert here.devices[1].name in browser.text(rows)
    assert count(browser, "ready") == "3"
