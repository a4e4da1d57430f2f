"""*Sumber data* in the browser: the trial fills the page by itself, and the dangerous decision is no first button."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.his import NAME
from bench.site import clinic_day


def test_a_trial_fills_the_page_by_itself_and_shows_the_problem_at_its_field(page: Page) -> None:
    page.goto(f"/sumber/{NAME}/coba?tanggal={clinic_day()}")
    tried = page.locator("#t-rooms")
    expect(tried).to_contain_text("4 baris · 2 baik · 1 dilewati · 1 ditolak")
    refused = tried.locator("details", has_text="KOS")
    refused.locator("summary").click()
    expect(refused.locator("dd .text-danger")).to_contain_text("wajib diisi")


def test_the_page_of_sources_leads_on_to_the_next_step(page: Page) -> None:
    page.goto("/admin")
    page.get_by_role("link", name="Sumber data").click()
    expect(page.get_by_text("Belum dimulai")).to_be_visible()
    page.get_by_role("link", name="Mulai").click()
    page.locator("#tanggal-dari").fill(f"{clinic_day():%d/%m/%Y}")
    page.get_by_role("button", name="Hitung perkiraan").click()
    expect(page.get_by_role("row", name="Paling banyak 4", exact=True)).to_be_visible()
