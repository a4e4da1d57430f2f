"""Pauses in a browser: a type is paused, its records wait and say why, two tabs resume it, and they are sent."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from bench.processes import until
from bench.site import Installation
from tests.browser.records import broken_diagnosis

LIST = "/integrasi/satusehat/Condition?text=JEDA-1"
GOOD = {"icd10": {"code": "J06.9"}}


def pause(page: Page, what: str, reason: str, **times: str) -> None:
    page.goto("/jeda")
    page.get_by_label("Yang dijeda").select_option(what)
    for label, value in times.items():
        page.get_by_label(re.compile(f"^{label}")).fill(value)
    page.get_by_label("Alasan").fill(reason)
    page.get_by_role("button", name="Jeda", exact=True).click()


def test_a_type_is_paused_and_resumed_in_two_tabs(
    page: Page, context: BrowserContext, installation: Installation
) -> None:
    pause(page, "satusehat/Condition", "pemeliharaan <b>server</b>", Sampai="31/12/2098 14.00")
    said = "Dijeda sampai 31/12/2098 14.00 oleh admin: pemeliharaan <b>server</b>"
    expect(page.locator("#pengumuman")).to_contain_text(said)
    installation.hand_in("Condition", broken_diagnosis("JEDA-1", **GOOD))
    page.goto(LIST)
    row = page.locator("#daftar tbody tr")
    expect(row).to_contain_text("Belum Terkirim")
    expect(row.get_by_title(said)).to_contain_text("Dijeda")
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto("/jeda")
    for tab in tabs:
        tab.get_by_role("button", name="Lanjutkan: Diagnosa").click()
        expect(tab.get_by_text("Tidak ada yang dijeda.")).to_be_visible()
    until(lambda: installation.rows("SELECT status FROM deliveries WHERE key = 'JEDA-1'") == [("sent",)])
    expect(row).to_contain_text("Terkirim")
    expect(row).not_to_contain_text("Dijeda")


def test_a_planned_pause_is_announced_and_cancelled(page: Page) -> None:
    pause(page, "pcare", "pindah server", Mulai="23.59")
    expect(page.locator("#pengumuman")).to_contain_text("Akan dijeda mulai 23.59")
    page.get_by_role("button", name="Batalkan: Semua kiriman BPJS PCare").click()
    expect(page.get_by_text("dibatalkan oleh admin")).to_be_visible()
    expect(page.locator("#pengumuman")).not_to_contain_text("pindah server")


def test_an_end_that_is_no_time_is_refused_before_it_is_sent(page: Page) -> None:
    page.goto("/jeda")
    page.get_by_label("Yang dijeda").select_option("pcare")
    page.get_by_label("Alasan").fill("uji")
    page.get_by_label(re.compile("^Sampai")).fill("kapan-kapan")
    page.get_by_role("button", name="Jeda", exact=True).click()
    expect(page.locator("#sampai:invalid")).to_be_visible()


def test_a_note_stands_on_every_page_until_it_is_removed(page: Page) -> None:
    words = "Rapat <img src=x onerror=alert(1)>"
    page.goto("/jeda")
    page.get_by_label("Catatan", exact=True).fill(words)
    page.get_by_role("button", name="Tampilkan").click()
    for address in ("/integrasi/satusehat", "/akun", "/admin/users/list"):
        page.goto(address)
        expect(page.locator("#pengumuman")).to_contain_text(words)
    page.goto("/jeda")
    page.get_by_role("button", name="Hapus catatan").click()
    expect(page.locator("#pengumuman")).not_to_contain_text("Rapat")
