"""One installation and browser for all browser tests, a fresh context for each; a page's complaint fails the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.browser import chromium, executable, log_in
from bench.site import Installation, site
from tests.browser.watch import PageWatch

REQUIRED = "ANTAR_BROWSER_REQUIRED"
MISSING = "no Chromium: install it (Debian: chromium) or name it in ANTAR_CHROMIUM"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests with a reason if there is no browser; fail them where a browser is required."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))
            if executable() is None and not os.environ.get(REQUIRED):
                item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if executable() is None:
        terminalreporter.write_sep("!", f"NOTHING WAS SEEN IN A BROWSER: {MISSING}", red=True, bold=True)


# Per package, not per session: Playwright keeps an event loop, and with it no other test could run one of its own.
@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield the demo's day, delivered except for the deliveries that a person has to correct."""
    with site(tmp_path_factory.mktemp("site")) as started:
        started.play()
        started.ask_for_a_job()
        started.store_inbound_request()
        yield started


@pytest.fixture(scope="package")
def browser(installation: Installation) -> Iterator[Browser]:
    assert executable(), MISSING
    expect.set_options(timeout=15_000)
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def session(installation: Installation, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cookies of a logged-in person."""
    path = tmp_path_factory.mktemp("session") / "state.json"
    context = browser.new_context()
    log_in(context, installation.address, installation.access.user, installation.access.password)
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def context(browser: Browser, installation: Installation, session: Path) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=installation.address, storage_state=session, locale="id-ID")
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def watch(context: BrowserContext, installation: Installation) -> Iterator[PageWatch]:
    watching = PageWatch(context, installation.address)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def page(context: BrowserContext, watch: PageWatch) -> Page:
    """Return a page of a logged-in person; a complaint of the page fails the test."""
    return context.new_page()
