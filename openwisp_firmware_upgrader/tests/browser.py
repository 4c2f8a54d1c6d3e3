"""Finds a Chromium for tests, and starts it so that it sees loopback only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("/usr/bin/chromedriver", "/usr/lib/chromium-browser/chromedriver")
# no name is resolved but these, so no page reaches anything outside
HOSTS = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
SIZE = (1366, 900)


def find_browser() -> str | None:
    """Returns the path of Chromium, None without one that tests can drive.

    A snap is none: it sees neither our temporary folder nor our driver.
    """
    wanted = os.environ.get("CHROME_BIN")
    for name in (wanted,) if wanted else NAMES:
        found = shutil.which(name)
        if found and not _is_snap(Path(found)):
            return found
    return None


def _is_snap(path: Path) -> bool:
    if "/snap/" in f"{path.resolve()}/":
        return True
    head = path.open("rb").read(4096)
    return head.startswith(b"#!") and b"/snap/bin/" in head


def find_driver() -> str | None:
    """Returns the path of chromedriver, None without it."""
    wanted = os.environ.get("SE_CHROMEDRIVER")
    found = [wanted] if wanted else [shutil.which("chromedriver"), *DRIVERS]
    return next((path for path in found if path and Path(path).exists()), None)


def why_not() -> str:
    """Returns why there can be no tests in a browser, nothing when there can."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    if find_browser() is None:
        return "no Chromium but, at best, a snap: install the package chromium"
    if find_driver() is None:
        return "no chromedriver: install the package chromium-driver"
    return ""


def start(size: tuple[int, int] = SIZE, language: str = "en-GB"):
    """Returns a driver of a new headless Chromium.

    Arguments:
        size: width and height of the window in pixels.
        language: what the browser prefers.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = find_browser() or ""
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "disable-component-update",
        # a notification may sound before anybody has clicked
        "autoplay-policy=no-user-gesture-required",
        "force-prefers-reduced-motion",
        f"host-resolver-rules={HOSTS}",
        f"window-size={size[0]},{size[1]}",
        f"lang={language}",
    ):
        options.add_argument(f"--{argument}")
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=find_driver())
    return webdriver.Chrome(options=options, service=service)
