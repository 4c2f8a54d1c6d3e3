"""The pieces that all tests in a browser stand on."""


def test_the_admin_opens_without_an_error(browser, superuser):
    browser.log_in(superuser)
    browser.open("/admin/")
    assert browser.find("#site-name").is_displayed()


def test_no_page_reaches_anything_outside(browser, superuser):
    browser.log_in(superuser)
    browser.open("/admin/")
    failed = browser.driver.execute_async_script(
        "const done = arguments[0];"
        "fetch('http://example.org/', {mode: 'no-cors'})"
        ".then(() => done(false), () => done(true))"
    )
    assert failed is True
    browser.expected.append("example.org")


def test_an_error_of_the_console_is_seen(browser, superuser):
    browser.log_in(superuser)
    browser.open("/admin/")
    browser.run("console.error('a broken page')")
    assert any("a broken page" in message for message in browser.surprises())
