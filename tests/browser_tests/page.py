"""A browser as the tests see it: pages of the admin, and waits for conditions."""

from __future__ import annotations

from collections.abc import Callable

from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE = 30.0
# what a look at a page that is being redrawn may raise
UNSETTLED = (NoSuchElementException, StaleElementReferenceException)


class Browser:
    """One window, in which a user of the admin works.

    Arguments:
        driver: Selenium's driver.
        url: of the web server.
    """

    def __init__(self, driver, url: str) -> None:
        self.driver = driver
        self.url = url
        # parts of console messages that a test provokes on purpose
        # and tiles of maps, which nobody can load here
        self.expected = ["tile.openstreetmap.org"]

    def log_in(self, user) -> None:
        """Makes the window one of a user's session."""
        from django.test import Client

        client = Client()
        client.force_login(user)
        self.driver.get(f"{self.url}/admin/login/")
        self.driver.delete_all_cookies()
        for name, morsel in client.cookies.items():
            self.driver.add_cookie({"name": name, "value": morsel.value, "path": "/"})

    def open(self, path: str) -> None:
        """Opens a page of the site and waits until its scripts have run."""
        self.driver.get(self.url + path)
        self.ready()

    def ready(self) -> None:
        """Waits until the page is loaded whole."""
        self.until(
            lambda: self.run("return document.readyState") == "complete", "the page"
        )

    def run(self, script: str, *arguments):
        """Runs a script and returns what it returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, css: str):
        """Returns the first element; NoSuchElementException without any."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def find_all(self, css: str) -> list:
        """Returns all elements."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def has(self, css: str) -> bool:
        """Tells whether there is such an element that can be seen."""
        return any(element.is_displayed() for element in self.find_all(css))

    def text(self, css: str = "body") -> str:
        """Returns the visible text of an element."""
        return self.find(css).text

    def until(self, condition: Callable, what: str, seconds: float = PATIENCE):
        """Waits for a true value and returns it; AssertionError names what."""
        waiting = WebDriverWait(self.driver, seconds, 0.1, UNSETTLED)
        try:
            return waiting.until(lambda _driver: condition())
        except TimeoutException:
            raise AssertionError(
                f"{what}: not within {seconds} s\n{self.text()}\n{self.console()}"
            ) from None

    def until_seen(self, css: str, seconds: float = PATIENCE):
        """Waits for a visible element and returns it."""
        self.until(lambda: self.has(css), f"{css} visible", seconds)
        return next(found for found in self.find_all(css) if found.is_displayed())

    def until_gone(self, css: str, seconds: float = PATIENCE) -> None:
        """Waits until there is no such visible element."""
        self.until(lambda: not self.has(css), f"{css} gone", seconds)

    def until_text(self, css: str, words: str, seconds: float = PATIENCE) -> str:
        """Waits until an element shows some words; returns its whole text."""

        def shown() -> str | None:
            text = self.text(css)
            return text if words.lower() in text.lower() else None

        return self.until(shown, f"{words!r} in {css}", seconds)

    def click(self, css: str) -> None:
        """Clicks on an element as soon as it can be seen."""
        found = self.until_seen(css)
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def submit(self, css: str) -> None:
        """Clicks on what leaves the page, and waits for the next one."""
        old = self.find("html")
        self.click(css)
        self.until(lambda: self._is_gone(old), "the next page")
        self.ready()

    @staticmethod
    def _is_gone(element) -> bool:
        try:
            element.is_enabled()
        except StaleElementReferenceException:
            return True
        return False

    def choose(self, css: str, value) -> None:
        """Chooses an option of a select by its value."""
        Select(self.find(css)).select_by_value(str(value))

    def connected(self, handle: str) -> None:
        """Waits until a websocket of the page is open."""
        self.until(
            lambda: self.run(f"return window.{handle}?.readyState") == 1,
            f"{handle} open",
        )

    def console(self) -> list[str]:
        """Returns the messages of the console since the last look."""
        seen = self.driver.get_log("browser")
        return [entry["message"] for entry in seen if entry["level"] == "SEVERE"]

    def surprises(self) -> list[str]:
        """Returns errors of the console that no test provokes on purpose."""
        return [
            message
            for message in self.console()
            if not any(words in message for words in self.expected)
        ]
