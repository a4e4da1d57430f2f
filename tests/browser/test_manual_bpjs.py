"""Sentences of the clinics' manual about BPJS FKTP that no other browser test judges: code lists and monitoring."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from admin.commands.demo_records import ZONE
from bench.places import page_addresses
from bench.processes import until
from bench.site import Installation
from tests.browser.colours import badge_colours
from tests.browser.records import being_sent, failed, held_at_the_upstream, refused_queue_number

JOBS = {
    "TambahAntrean": "Tambah Antrean",
    "PanggilAntrean": "Panggil Antrean",
    "BatalAntrean": "Batal Antrean",
    "TambahPendaftaran": "Tambah Pendaftaran",
    "TambahKunjungan": "Tambah Kunjungan",
    "HapusPendaftaran": "Hapus Pendaftaran",
    "HapusKunjungan": "Hapus Kunjungan",
}
"""Type -> name, in the order of the manual."""
FAILED = "SELECT spec, COUNT(*) FROM deliveries WHERE status IN ('failed', 'unsure', 'ignored') GROUP BY spec"
QUEUE = "/integrasi/antrean/TambahAntrean"
ROWS = "#daftar tbody tr"
BELOW = """() => document.querySelector("#angka").getBoundingClientRect().top
    >= document.querySelector(".job-filters").getBoundingClientRect().bottom"""
POLL_MS = 6_000  # in which a list and its figures are read again
ISO_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
TABLES = ("monitoring", "code list", "inbound", "jobs", "settings, audit")


def today() -> str:
    return f"{datetime.now(ZoneInfo(ZONE)):%d/%m/%Y}"


def test_the_two_main_tabs_have_the_lists_of_pcare_and_of_antrean(page: Page) -> None:
    page.goto("/bpjs")
    lists = {
        "Referensi PCare": {"Diagnosa", "Tindakan", "Poli", "Dokter", "Obat DPHO"},
        "Referensi Antrean": {"Poli", "Jadwal dokter"},
    }
    for tab, names in lists.items():
        page.get_by_role("navigation", name="Menu").get_by_role("link", name=tab).click()
        expect(page.get_by_role("main").get_by_role("link", name=tab)).to_have_attribute("aria-current", "page")
        assert set(page.get_by_role("navigation", name=tab).get_by_role("link").all_inner_texts()) >= names


def test_the_overview_has_the_seven_jobs_and_leads_to_their_monitoring(page: Page) -> None:
    page.goto("/bpjs")
    cards = page.locator(".job-card h3")
    assert sorted(cards.all_inner_texts()) == sorted(JOBS.values())
    page.get_by_role("link", name="Panggil Antrean", exact=True).click()
    expect(page.get_by_label("Jenis monitoring")).to_have_value("PanggilAntrean")


def test_the_drop_down_has_the_seven_jobs_in_order_with_the_number_of_their_failures(
    page: Page, installation: Installation
) -> None:
    installation.settle()
    page.goto(QUEUE)
    counts = dict(installation.rows(FAILED))
    names = [f"{name} · {counts[spec]} gagal" if counts.get(spec) else name for spec, name in JOBS.items()]
    expect(page.get_by_label("Jenis monitoring").locator("option")).to_have_text(names)
    page.get_by_label("Jenis monitoring").select_option("HapusKunjungan")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hapus Kunjungan")


def test_the_date_is_today_until_the_clear_icon_shows_all_dates_and_reset_filter_leads_back(page: Page) -> None:
    page.goto("/bpjs")
    page.get_by_role("link", name="Monitoring").click()
    date = page.get_by_label("Tanggal", exact=True)
    expect(date).to_have_value(today())
    page.locator(".date-clear").click()
    expect(date).to_have_value("")
    expect(page.locator(ROWS).nth(5)).to_be_visible()
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Terkirim", exact=True).click()
    page.get_by_role("link", name="Reset Filter").click()
    expect(date).to_have_value(today())
    expect(page.get_by_role("link", name="Semua", exact=True).last).to_have_attribute("aria-current", "true")


def test_dates_are_written_as_in_indonesia_in_a_browser_of_any_language(
    browser: Browser, installation: Installation, session: Path
) -> None:
    context = browser.new_context(base_url=installation.address, storage_state=session, locale="en-US")
    page = context.new_page()
    addresses = {**page_addresses(installation), "patients": "/integrasi/satusehat/Patient"}
    cells = {}
    for name in ("patients", *TABLES):
        page.goto(addresses[name])
        cells[name] = [text for text in page.locator("tbody td").all_inner_texts() if ISO_DATE.search(text)]
    page.goto("/monitoring")
    expect(page.get_by_label("Tanggal", exact=True)).to_have_value(today())
    expect(page.get_by_label("Tanggal", exact=True)).to_have_attribute("placeholder", "dd/mm/yyyy")
    assert {name: texts for name, texts in cells.items() if texts} == {}
    context.close()


@pytest.mark.parametrize(
    ("choice", "statuses"),
    [
        ("Semua", "sent failed unsure ignored blocked queued sending retrying"),
        ("Tidak Terkirim", "failed unsure ignored"),
        ("Belum Diproses", "blocked queued sending retrying"),
        ("Terkirim", "sent"),
    ],
)
def test_a_status_is_chosen_by_one_click(page: Page, choice: str, statuses: str) -> None:
    page.goto("/integrasi/pcare/TambahPendaftaran")
    choices = page.get_by_role("navigation", name="Status")
    expect(choices.get_by_role("link")).to_have_text(["Semua", "Tidak Terkirim", "Belum Diproses", "Terkirim"])
    choices.get_by_role("link", name=choice, exact=True).click()
    expect(choices.get_by_role("link", name=choice, exact=True)).to_have_attribute("aria-current", "true")
    badges = page.locator(f"{ROWS} .status")
    expect(badges.first).to_be_visible()
    states = {str(name).partition(" s-")[2] for name in badges.evaluate_all("all => all.map(one => one.className)")}
    assert states <= set(statuses.split())


def test_the_four_cards_stand_below_the_filter_and_add_up_for_every_job(page: Page) -> None:
    for upstream, spec in [("antrean" if "Antrean" in spec else "pcare", spec) for spec in JOBS]:
        page.goto(f"/integrasi/{upstream}/{spec}")
        names = [text.partition("\n")[0] for text in page.locator(".figure").all_inner_texts()]
        assert names == ["Total", "Menunggu", "Berhasil", "Gagal"]
        total, *parts = (int(n.replace(".", "")) for n in page.locator(".figure strong").all_inner_texts())
        assert total == sum(parts), spec
        assert page.evaluate(BELOW)


def test_a_card_is_a_filter(page: Page) -> None:
    page.goto(QUEUE)
    page.locator("#angka-failed").click()
    choice = page.get_by_role("navigation", name="Status").get_by_role("link", name="Tidak Terkirim")
    expect(choice).to_have_attribute("aria-current", "true")
    expect(page.locator(ROWS)).to_have_count(int(page.locator("#angka-failed strong").inner_text()))


def test_the_table_has_date_norm_name_the_jobs_own_columns_status_and_acts(page: Page) -> None:
    page.goto(QUEUE)
    own = ["Nomor", "Poli", "Dokter", "Jam praktek"]
    names = ["Tanggal", "Norm", "Nama Pasien", *own, "Status", "Percobaan", "Waktu (WIB)", "Aksi"]
    expect(page.locator("thead th[scope=col]")).to_have_text(names)
    expect(page.locator(ROWS).first.locator("td").nth(2)).to_have_text(re.compile("^RM-"))


def test_the_badges_have_the_words_and_colours_of_the_manual(page: Page) -> None:
    page.goto(QUEUE)
    words = {state: page.locator(f".finer .s-{state}").text_content() for state in ("sent", "failed", "queued")}
    assert {state: str(word).strip() for state, word in words.items()} == {
        "sent": "Terkirim",
        "failed": "Gagal",
        "queued": "Menunggu",
    }
    expect(page.locator(".finer .s-sending")).to_have_text("Proses")
    assert badge_colours(page, "sent", "failed", "queued", "sending") == ["green", "red", "yellow", "blue"]


def test_the_side_panel_has_date_status_code_tries_request_and_response(page: Page, installation: Installation) -> None:
    failed(installation, "TambahAntrean", refused_queue_number("PANEL-1"))
    page.goto(f"{QUEUE}?text=PANEL-1")
    page.get_by_role("link", name="Detail PANEL-1").click()
    head = page.locator("dialog.drawer .delivery-head")
    expect(head).to_contain_text(re.compile(r"\d\d/\d\d/\d{4}"))
    expect(head).to_contain_text("Gagal 201")
    expect(head).to_contain_text("HTTP 200")
    expect(head).to_contain_text("1 percobaan")
    page.locator("dialog.drawer [data-tab=request]").click()
    expect(page.locator("dialog.drawer .pair-side").first).to_contain_text("jampraktek")
    page.locator("dialog.drawer [data-tab=response]").dispatch_event("click")
    expect(page.locator("dialog.drawer .pair-side").last).to_contain_text("metadata")


def test_resend_stands_on_failed_rows_and_sends_without_the_side_panel(page: Page, installation: Installation) -> None:
    failed(installation, "TambahAntrean", refused_queue_number("PUTAR-1"))
    page.goto(f"{QUEUE}?status=sent")
    expect(page.get_by_role("link", name=re.compile("^Detail ")).first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Kirim Ulang "))).to_have_count(0)
    page.goto(f"{QUEUE}?text=PUTAR-1")
    page.get_by_role("button", name="Kirim Ulang PUTAR-1").click()
    expect(page.locator(ROWS)).to_contain_text("dikirim ulang dalam beberapa detik")
    expect(page.locator("dialog.drawer[open]")).to_have_count(0)
    page.get_by_role("button", name="Urungkan").click()
    expect(page.locator("#pesan")).to_have_text("Kirim ulang diurungkan.")


def test_perbarui_data_shows_what_has_come_meanwhile(page: Page, installation: Installation) -> None:
    page.goto(f"{QUEUE}?text=SEGAR-1")
    expect(page.locator(ROWS)).to_have_count(0)
    failed(installation, "TambahAntrean", refused_queue_number("SEGAR-1"))
    page.get_by_role("link", name="Perbarui Data").click()
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("[data-updated]")).to_have_text(re.compile(r"^diperbarui \d\d\.\d\d\.\d\d$"))


def test_rows_and_cards_change_by_themselves(page: Page, installation: Installation) -> None:
    record = refused_queue_number("LANGSUNG-1")
    failed(installation, "TambahAntrean", record)
    page.clock.install()
    page.goto(f"{QUEUE}?text=LANGSUNG-1")
    status, waiting = page.locator(f"{ROWS} .status"), page.locator("#angka-waiting strong")
    expect(status).to_contain_text("Gagal")
    with held_at_the_upstream(installation, "/antrean/add"):
        installation.hand_in("TambahAntrean", {**record, "phone": "081234567890"})
        until(lambda: being_sent(installation, "TambahAntrean") == ["LANGSUNG-1"])
        page.clock.run_for(POLL_MS)
        expect(status).to_have_text("Proses")
        expect(waiting).to_have_text("1")
    installation.settle()
    page.clock.run_for(POLL_MS)
    expect(status).to_contain_text("Gagal")
    expect(waiting).to_have_text("0")
