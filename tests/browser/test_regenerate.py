"""Regeneration of a foundation type: a preview of the changes, then a job whose progress the card shows."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.site import Installation
from tests.browser.records import held_at_the_upstream

HOME = "/integrasi/satusehat"


def test_regenerating_says_what_it_will_do_and_the_card_follows_it(page: Page, installation: Installation) -> None:
    page.goto(HOME)
    page.get_by_role("link", name="Regenerate Tenaga Kesehatan").click()
    expect(page.get_by_text("5 akan dicari ulang")).to_be_visible()
    expect(page.get_by_text("1 yang belum berhasil dicoba lagi")).to_be_visible()
    with held_at_the_upstream(installation, "/Practitioner"):
        page.get_by_role("button", name="Kirim 6 sekarang (DEMO)").click()
        expect(page).to_have_url(HOME)
        expect(page.locator(".regenerate", has=page.locator(".spinner-border"))).to_have_text("Regenerate 0 / 6")
    expect(page.locator(".spinner-border")).to_have_count(0)
    expect(page.get_by_role("link", name="Regenerate Tenaga Kesehatan")).to_be_visible()
    page.goto("/pekerjaan")
    expect(page.get_by_role("row").filter(has_text="Regenerate").first).to_contain_text("Selesai")


def test_what_would_change_nothing_is_not_begun(page: Page) -> None:
    page.goto(f"{HOME}/Organization/regenerate")
    expect(page.get_by_text("Semua sudah sesuai")).to_be_visible()
    expect(page.get_by_role("button", name="Kirim")).to_have_count(0)
