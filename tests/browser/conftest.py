"""One installation and one browser for all walks, a fresh context for each; what a page complains of fails its test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.browser import chromium, executable, log_in
from bench.site import Site, site
from tests.browser.watch import Watch

REQUIRED = "ANTAR_BROWSER_REQUIRED"
MISSING = "no Chromium: install it (Debian: chromium) or name it in ANTAR_CHROMIUM"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser the walks are skipped and the report says why; where one is demanded they fail."""
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
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo's day, delivered but for what a person has to mend."""
    with site(tmp_path_factory.mktemp("site")) as started:
        started.play()
        started.ask_for_a_job()
        yield started


@pytest.fixture(scope="package")
def browser(installation: Site) -> Iterator[Browser]:
    assert executable(), MISSING
    expect.set_options(timeout=15_000)
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def session(installation: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of somebody who is logged in."""
    path = tmp_path_factory.mktemp("session") / "state.json"
    context = browser.new_context()
    log_in(context, installation.address, installation.access.user, installation.access.password)
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def context(browser: Browser, installation: Site, session: Path) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=installation.address, storage_state=session, locale="id-ID")
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def watch(context: BrowserContext, installation: Site) -> Iterator[Watch]:
    watching = Watch(context, installation.address)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """A page of somebody who is logged in; where it complains, the test fails."""
    return context.new_page()
