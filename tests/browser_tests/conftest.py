"""A web server, a browser and a worker for the tests in a real browser."""

from __future__ import annotations

import itertools

import pytest

from openwisp_firmware_upgrader.tests import browser as chromium

numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _chromium():
    if reason := chromium.why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def web(project):
    """The web server of the sample project."""
    from stack import Web

    server = Web(project)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def driver(_chromium):
    """One Chromium for all tests."""
    found = chromium.start()
    yield found
    found.quit()


@pytest.fixture
def browser(web, driver):
    """A window; at the end of each test its console has no error."""
    from .page import Browser

    driver.get("about:blank")
    driver.get_log("browser")
    window = Browser(driver, web.url)
    yield window
    surprises = window.surprises()
    # shown by pytest when the test has failed
    print(web.process.tail())
    driver.get("about:blank")
    assert surprises == []


@pytest.fixture(scope="session")
def worker(project):
    """A Celery worker with a thread for each device."""
    made = project.worker(slots=8)
    yield made
    project.stop_workers()


@pytest.fixture
def superuser(project):
    """A new superuser."""
    from django.contrib.auth import get_user_model

    number = next(numbers)
    return get_user_model().objects.create_superuser(
        username=f"admin{number}", password="x", email=f"admin{number}@example.org"
    )


@pytest.fixture
def site(project):
    """Makes an organization with firmware and simulated devices."""
    from .sites import Sites

    with Sites(next(numbers)) as sites:
        yield sites.make
