"""Makes the screenshots of the documentation: seven pages, two widths."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from PIL import Image  # noqa: E402 the paths come first
from stack import Project, Web  # noqa: E402

from openwisp_firmware_upgrader.tests import browser as chromium  # noqa: E402

WIDE, NARROW = 1280, 390
FOLDERS = {WIDE: ROOT / "docs" / "images", NARROW: ROOT / ".work" / "screenshots"}
HIGHEST = 2200
# so slow that an upgrade is in the middle when it is photographed
LINK_RATE = 60_000
COLOURS = 128
HEIGHT = "return Math.max(document.body.scrollHeight, arguments[0].scrollHeight)"


class Photographer:
    """Takes a screenshot of the present page in both widths.

    Arguments:
        browser: see ``browser_tests.page``.
    """

    def __init__(self, browser) -> None:
        self.browser = browser

    def take(self, name: str, scroll_to: str = "") -> None:
        """Writes one file for each width.

        Arguments:
            name: of the files, without ending.
            scroll_to: CSS selector of what stands at the top of the picture.
        """
        for width, folder in FOLDERS.items():
            folder.mkdir(parents=True, exist_ok=True)
            self._resize(width)
            if scroll_to:
                found = self.browser.find(scroll_to)
                self.browser.run("arguments[0].scrollIntoView()", found)
            path = folder / f"{name}.png"
            self.browser.driver.save_screenshot(str(path))
            shrink(path)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")
        self._resize(WIDE)

    def _resize(self, width: int) -> None:
        command = self.browser.driver.execute_cdp_cmd
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1}
        command("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False})
        main = self.browser.find("#main-content, #main, body")
        height = min(self.browser.run(HEIGHT, main), HIGHEST)
        metrics["height"] = max(height, 500)
        command("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False})


def shrink(path: Path) -> None:
    """Stores a picture with few colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(path, optimize=True)


def pages(browser, take) -> None:
    """Opens the seven pages one after the other."""
    from browser_tests.sites import Sites

    with Sites(1) as sites:
        of_a_fleet(browser, take, sites)
        of_a_device(browser, take, sites)
        browser.open("/admin/")
        take("dashboard")


def of_a_fleet(browser, take, sites) -> None:
    """Takes pictures of a mass upgrade."""
    from browser_tests import test_mass_upgrades as mass

    fleet = sites.make(devices=9, faults=["refuses"], link_rate=LINK_RATE)
    browser.open(mass.build_page(fleet))
    take("build")
    mass.ask(browser, fleet)
    browser.until_seen(".jsoneditor-wrapper")
    take("confirmation")
    browser.submit('input[name="upgrade_all"]')
    browser.until_seen('td.status-cell[data-operation-status="failed"]', 60)
    browser.driver.refresh()
    browser.ready()
    take("mass-upgrade")
    fleet.ended("success", seconds=120)


def of_a_device(browser, take, sites) -> None:
    """Takes pictures of the upgrade of one device."""
    from browser_tests import test_operations as single

    here = sites.make(size=1024 * 1024, link_rate=LINK_RATE)
    single.choose_image(browser, here)
    browser.until_seen("#devicefirmware-group .jsoneditor-wrapper")
    take("firmware-tab")
    single.save(browser)
    browser.open(single.operation_page(here.operation()))
    browser.until(
        lambda: int(browser.text(".upgrade-progress-text").rstrip("%")) > 20,
        "the upload",
    )
    take("operation")
    browser.open(f"{here.page()}#upgradeoperation_set-group")
    browser.until_seen("#upgradeoperation_set-group .upgrade-progress-bar")
    take("recent-upgrades")
    here.ended("success", seconds=120)


def main() -> None:
    """Starts everything, takes the pictures, ends everything."""
    if reason := chromium.why_not():
        sys.exit(f"no screenshots: {reason}")
    project = Project("postgres")
    os.environ.update(project.env)
    try:
        import django

        django.setup()
        project.manage("migrate", "-v0")
        photograph(project)
    finally:
        project.stop()


def photograph(project) -> None:
    """Takes the pictures with the servers of a project."""
    from browser_tests.page import Browser
    from django.contrib.auth import get_user_model

    web = Web(project)
    project.worker(slots=12)
    driver = chromium.start((WIDE, 900))
    try:
        browser = Browser(driver, web.url)
        browser.log_in(
            get_user_model().objects.create_superuser(
                username="admin", password="admin", email="admin@example.org"
            )
        )
        pages(browser, Photographer(browser).take)
    finally:
        driver.quit()
        web.stop()


if __name__ == "__main__":
    main()
