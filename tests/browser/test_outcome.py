"""Outcome of a resend without a reload: in the drawer, on the page, in the row, on the page of a job."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from bench.site import Installation
from tests.browser.records import broken_diagnosis, failed

LIST = "/integrasi/satusehat/Condition"
ROWS = "#daftar tbody tr"
CAUSE = "Kode diagnosa tidak dikenal"
REFUSED = re.compile(rf"Ditolak lagi \d\d\.\d\d\.\d\d: {CAUSE}\.")


def test_the_drawer_and_the_row_behind_it_show_what_became_of_a_resend(page: Page, installation: Installation) -> None:
    failed(installation, "Condition", broken_diagnosis("LACI-1"))
    page.goto(f"{LIST}?text=LACI-1")
    tries = int(page.locator(f"{ROWS} td[id^=n]").inner_text())
    page.get_by_role("link", name="Detail LACI-1").click()
    drawer = page.locator("dialog.drawer[open]")
    drawer.get_by_role("button", name="Kirim Ulang", exact=True).click()
    expect(drawer.locator(".outcome.s-failed")).to_contain_text(REFUSED)
    expect(drawer.locator("#keadaan-kiriman")).to_contain_text("Tidak Terkirim")
    expect(drawer.locator("[data-announce]")).to_have_text(REFUSED)
    expect(page.locator(f"{ROWS} td[id^=n]")).to_have_text(str(tries + 1))


def test_a_reload_of_the_page_repeats_nothing(page: Page, installation: Installation) -> None:
    [id_] = failed(installation, "Condition", broken_diagnosis("ULANG-1"))
    page.goto(f"{LIST}/{id_}")
    page.get_by_role("button", name="Kirim Ulang", exact=True).click()
    expect(page.locator(".outcome.s-failed")).to_contain_text(REFUSED)
    expect(page).not_to_have_url(re.compile("told"))
    page.reload()
    expect(page.locator("#hasil-kiriman")).to_be_attached()
    expect(page.locator(".outcome")).to_have_count(0)


def test_what_a_person_is_writing_stays_while_the_outcome_comes(page: Page, installation: Installation) -> None:
    [id_] = failed(installation, "Condition", broken_diagnosis("TULIS-1"))
    page.goto(f"{LIST}/{id_}")
    page.get_by_role("button", name="Kirim Ulang", exact=True).click()
    page.locator("summary", has_text="Tampilkan").click()
    page.locator("#alasan-tampil").fill("sedang ditulis")
    expect(page.locator(".outcome.s-failed")).to_contain_text(REFUSED)
    expect(page.locator("#alasan-tampil")).to_have_value("sedang ditulis")


def test_a_row_counts_down_the_time_to_undo_and_tells_what_became_of_it(page: Page, installation: Installation) -> None:
    failed(installation, "Condition", broken_diagnosis("BARIS-1"))
    page.goto(f"{LIST}?text=BARIS-1")
    width = page.locator(f"{ROWS} .acts").bounding_box()
    page.locator(ROWS).get_by_role("button", name="Kirim Ulang BARIS-1").click()
    expect(page.locator(ROWS).get_by_role("button", name="Urungkan")).to_have_text(re.compile(r"Urungkan\s*[1-5] dtk"))
    after = page.locator(f"{ROWS} .acts").bounding_box()
    assert width
    assert after
    assert abs(width["x"] - after["x"]) < 2
    expect(page.locator("#pesan")).to_have_text(f"BARIS-1 ditolak lagi: {CAUSE}.")
    expect(page.locator(ROWS)).to_contain_text(CAUSE)


def test_a_job_ends_with_what_became_of_its_deliveries(page: Page, installation: Installation) -> None:
    failed(installation, "Condition", *(broken_diagnosis(f"MASSAL-{n}") for n in range(2)))
    page.goto(f"{LIST}?code=10003")
    for n in range(2):
        page.get_by_label(f"Pilih MASSAL-{n}").check()
    page.get_by_role("button", name="Kirim Ulang", exact=True).click()
    page.get_by_label("Alasan").fill("Coba lagi")
    page.get_by_role("button", name="Kirim ulang 2").click()
    words = f"Selesai: 0 terkirim, 2 gagal lagi. Terbanyak (2): {CAUSE}."
    expect(page.locator(".job-words.j-failed")).to_have_text(words)
    expect(page.locator("tbody tr", has_text="dikerjakan")).to_have_count(2)
    expect(page.locator("#kabar")).to_contain_text("0 terkirim, 2 gagal lagi")
