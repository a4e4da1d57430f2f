"""Chromium for the browser tests and the screenshots: its path and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """Return the path of a Chromium: the one ANTAR_CHROMIUM names, or the first that is installed."""
    paths = (shutil.which(name) for name in (os.environ.get("ANTAR_CHROMIUM", ""), *NAMES) if name)
    return next((path for path in paths if path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser without a window."""
    # Chromium's sandbox needs what containers do not grant to root; only our own pages are opened.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def log_in(context: BrowserContext, address: str, user: str, password: str) -> Page:
    """Return a page of a logged-in person, on the dashboard."""
    page = context.new_page()
    page.goto(f"{address}/login")
    page.locator("#name").fill(user)
    page.locator("#password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    return page
