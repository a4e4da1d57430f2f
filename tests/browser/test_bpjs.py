"""BPJS at the front desk: find a refused queue number, correct it, see its chain sent; read a code list again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from bench.site import Installation

WRONG_HOURS = "AN-0020"
"""Of the demo's day: the shift is not one of Referensi Antrean."""
ROWS = "#daftar tbody tr"


def test_a_refused_number_is_mended_and_what_waits_for_it_goes_out(page: Page, installation: Installation) -> None:
    [(norm,)] = installation.rows("SELECT patient_norm FROM deliveries WHERE key = ?", WRONG_HOURS)
    page.goto("/")
    page.get_by_role("link", name="Monitoring").click()
    page.get_by_label("Jenis monitoring").select_option("TambahAntrean")
    page.locator(".date-clear").click()
    expect(page.get_by_label("Tanggal", exact=True)).to_have_value("")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Tidak Terkirim", exact=True).click()
    expect(page.locator(ROWS)).to_have_count(int(page.locator(".f-failed strong").inner_text()))
    page.get_by_label("Cari Norm").fill(norm)
    page.get_by_label("Cari Norm").press("Enter")
    page.get_by_role("link", name=f"Detail {WRONG_HOURS}").click()
    drawer = page.locator("dialog.drawer[open]")
    expect(drawer.get_by_text("Jadwal dokter tidak ada di HFIS")).to_be_visible()
    drawer.get_by_role("link", name="Ubah isi").click()
    body = page.locator("#isi-kiriman")
    body.fill(body.input_value().replace("07:00-12:00", "08:00-12:00"))
    page.locator("#alasan").fill("Jam praktek menurut HFIS")
    page.get_by_role("button", name="Simpan & Kirim Ulang").click()
    expect(page.locator(".outcome.s-sent")).to_have_text(re.compile(r"Terkirim \d\d\.\d\d\.\d\d, nomor A-\d+\."))
    installation.settle()
    page.goto(f"/integrasi/pcare/TambahKunjungan?text={norm}")
    expect(page.locator(ROWS)).to_contain_text("Terkirim")


def test_a_list_is_read_anew_and_searched(page: Page) -> None:
    page.goto("/referensi/pcare_dokter")
    synchronise = page.get_by_role("button", name="Sinkronisasi")
    expect(synchronise).to_be_enabled(timeout=90_000)  # the first reading has its turn after all other lists
    synchronise.click()
    expect(page.get_by_text("Terakhir disinkronkan").and_(page.get_by_text("oleh admin"))).to_be_visible(timeout=30_000)
    page.get_by_role("main").get_by_role("searchbox").fill("sekar")
    page.get_by_role("main").get_by_role("button", name="Cari").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Hapus filter").click()
    expect(page.locator("tbody tr")).to_have_count(4)
