"""Drawer with a delivery beside its list: opened, kept on reload, closed by going back, by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from bench.site import Installation
from tests.browser.records import failed, unknown_patient

LIST = "/integrasi/satusehat/Patient"
ROWS = "#daftar tbody tr"


def test_an_open_delivery_survives_a_reload_and_back_closes_it(page: Page) -> None:
    page.goto(f"{LIST}?text=RM-000211")
    page.locator(ROWS).get_by_role("link", name=re.compile("Detail")).click()
    drawer = page.locator("dialog.drawer")
    expect(drawer.get_by_text("RM-000211").first).to_be_visible()
    page.reload()
    expect(drawer.get_by_text("RM-000211").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(page).to_have_url(re.compile(r"text=RM-000211$"))


def test_the_keyboard_alone_searches_opens_closes_and_sends_again(page: Page, installation: Installation) -> None:
    failed(installation, "Patient", *(unknown_patient(f"PAPAN-{n}") for n in range(3)))
    page.goto(LIST)
    page.keyboard.press("/")
    page.keyboard.type("PAPAN-")
    page.keyboard.press("Enter")
    expect(page.locator(ROWS)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.drawer[open] h1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(f"{ROWS}.current a").first).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator(f"{ROWS}.current").get_by_role("button", name="Urungkan")).to_be_visible()
