"""List of a type in a browser: filter, search, go back, tick."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from bench.site import clinic_day
from tests.browser.records import BROKEN

LIST = "/integrasi/satusehat/Patient"
SEARCH = 'input[name="text"]'
ROWS = "#daftar tbody tr"


def test_days_without_deliveries_show_none_and_the_filter_can_be_taken_away(page: Page) -> None:
    page.goto(LIST)
    if not page.locator('input[name="date"]').is_visible():
        page.locator("details.more > summary").click()
    page.locator('input[name="date"]').fill("01/01/2001 – 02/01/2001")
    page.get_by_role("button", name="Saring").click()
    expect(page).to_have_url(re.compile("2001"))
    expect(page.locator(ROWS)).to_have_count(0)
    page.get_by_role("link", name="Hapus filter").first.click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_a_day_shows_its_own(page: Page) -> None:
    page.goto(f"{LIST}?date_from={clinic_day()}&date_to={clinic_day()}")
    expect(page.locator(ROWS).first).to_contain_text(f"{clinic_day():%d/%m/%Y}")


def test_a_search_finds_a_patient_and_going_back_takes_it_away(page: Page) -> None:
    page.goto(LIST)
    page.locator(SEARCH).fill("RM-000211")
    page.locator(SEARCH).press("Enter")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("RM-000211")
    page.reload()
    expect(page.locator(ROWS)).to_have_count(1)
    page.go_back()
    expect(page.locator(ROWS).nth(2)).to_be_visible()


def test_a_chosen_row_turns_the_filter_into_actions(page: Page) -> None:
    page.goto(f"/integrasi/satusehat/{BROKEN[0]}")
    box = page.locator(f'{ROWS} input[name="ids"]').first
    box.check()
    expect(page.get_by_text("1 dipilih")).to_be_visible()
    expect(page.locator(SEARCH)).not_to_be_visible()
    page.keyboard.press("Escape")
    expect(box).not_to_be_checked()
    expect(page.locator(SEARCH)).to_be_visible()
