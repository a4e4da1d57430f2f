"""A person's way through the panel in a real browser."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from bench.browser import log_in
from bench.site import Installation
from tests.browser.watch import PageWatch


def test_who_logs_in_stands_before_the_dashboard(browser: Browser, installation: Installation) -> None:
    context = browser.new_context()
    watch = PageWatch(context, installation.address)
    page = log_in(context, installation.address, installation.access.user, installation.access.password)
    expect(page.get_by_role("heading", name="Dashboard Satu Sehat")).to_be_visible()
    assert watch.complaints == []
    context.close()


def test_a_card_leads_to_its_list_and_the_list_to_a_delivery(page: Page) -> None:
    page.goto("/integrasi/satusehat?period=all")
    page.get_by_role("link", name="Pasien", exact=True).first.click()
    expect(page.get_by_role("heading", name="Pasien", exact=True)).to_be_visible()
