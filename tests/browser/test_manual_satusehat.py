"""Sentences of the clinics' manual about Satu Sehat that no other browser test judges: dashboard, lists and drawer."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bench.browser import log_in
from bench.processes import until
from bench.site import Installation
from engine.delivery.status import Status
from tests.browser.colours import badge_colours
from tests.browser.records import being_sent, broken_diagnosis, failed, held_at_the_upstream, refused_queue_number
from tests.browser.watch import PageWatch

HOME = "/integrasi/satusehat"
ROWS = "#daftar tbody tr"
EMPTY_DAY = "?date_from=2001-01-01&date_to=2001-01-01"
PASSWORD = "kata-sandi-uji-coba"
IN_PROCESS = {Status.QUEUED, Status.SENDING, Status.RETRYING}
# Type, left edge, words of the figures, percent of the bar that is filled, number in process.
CARDS = """() => [...document.querySelectorAll(".type-card")].map((card) => {
    const words = (selector) => card.querySelector(selector)?.textContent.trim() ?? "";
    const bar = [...card.querySelectorAll(".bar rect")].reduce((sum, part) => sum + part.width.baseVal.value, 0);
    const type = card.querySelector("a").id.slice(2);
    return [type, card.getBoundingClientRect().left, words(".figures"), Math.round(bar), words(".states .s-sending")];
})"""

# Name of the card of each button, and whether the button stands at the bottom right of the card.
REGENERATE = """() => [...document.querySelectorAll(".regenerate")].map((button) => {
    const card = button.closest("article");
    const [inner, outer] = [button.getBoundingClientRect(), card.getBoundingClientRect()];
    const right = inner.left + inner.right > outer.left + outer.right;
    const bottom = inner.top + inner.bottom > outer.top + outer.bottom;
    return [card.querySelector("h3").textContent.trim(), right && bottom];
})"""


def card_of(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def test_the_sidebar_has_integrasi_with_satu_sehat_and_bpjs_fktp(page: Page) -> None:
    page.goto("/")
    sidebar = page.get_by_role("navigation", name="Menu", exact=True)
    expect(sidebar.get_by_text("Integrasi", exact=True)).to_be_visible()
    for group, first, entries in (
        ("Satu Sehat", "Dashboard", {"Pemetaan Obat KFA"}),
        ("BPJS FKTP", "Ringkasan", {"Monitoring", "Referensi PCare", "Referensi Antrean"}),
    ):
        links = sidebar.get_by_role("list", name=group).get_by_role("link")
        expect(links.first).to_have_text(first)
        assert {text.strip() for text in links.all_inner_texts()} >= entries
    sidebar.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard Satu Sehat")).to_be_visible()


@pytest.mark.parametrize("role", ["admin", "kasir"])
def test_only_admin_or_superadmin_with_the_right_may_open_it(
    browser: Browser, installation: Installation, role: str
) -> None:
    if role == "kasir":
        installation.administer("/admin/roles/create", label="Kasir", name=role)
    installation.administer("/admin/users/create", name=f"uji-{role}", password=PASSWORD, role=role, facility_id="")
    context = browser.new_context(base_url=installation.address, locale="id-ID")
    watch = PageWatch(context, installation.address)
    page = log_in(context, installation.address, f"uji-{role}", PASSWORD)
    if role == "admin":
        expect(page.get_by_role("heading", name="Dashboard Satu Sehat")).to_be_visible()
    else:
        expect(page.get_by_role("heading", name="Akun saya")).to_be_visible()  # nothing else may be seen
        watch.expect("403")
        page.goto(HOME)
        expect(page.get_by_text("izin: membuka halaman Integrasi")).to_contain_text("Mintalah kepada admin")
        expect(page.get_by_role("link", name="Dashboard")).to_have_count(0)
        page.get_by_role("main").get_by_role("button", name="Keluar").click()
        expect(page).to_have_url(re.compile("/login$"))
    assert watch.complaints == []
    context.close()


def test_every_type_has_a_card_in_a_grid_with_bar_and_sent_of_total(page: Page, installation: Installation) -> None:
    installation.settle()
    page.goto(HOME)
    cards = page.evaluate(CARDS)
    counts: dict[str, Counter[str]] = {spec: Counter() for spec, *_ in cards}
    query = "SELECT spec, status, COUNT(*) FROM deliveries WHERE upstream = 'satusehat' GROUP BY spec, status"
    for spec, status, n in installation.rows(query):
        counts[spec][status] = n
    assert len({left for _, left, *_ in cards}) > 1
    assert {spec: (figures, bar) for spec, _, figures, bar, _ in cards} == {
        spec: (f"{n[Status.SENT]} / {n.total()} terkirim / total", 100 * bool(n.total())) for spec, n in counts.items()
    }
    assert {spec: words for spec, *_, words in cards if words} == {
        spec: f"Dalam Proses {sum(n[status] for status in IN_PROCESS)}" for spec, n in counts.items() if n.total()
    }


def test_dalam_proses_counts_what_is_queued_or_being_sent(page: Page, installation: Installation) -> None:
    with held_at_the_upstream(installation, "/antrean/add"):
        # Of one patient on one day: the second is queued until the first has been sent.
        installation.hand_in("TambahAntrean", *(refused_queue_number(f"PROSES-{n}") for n in (1, 2)))
        until(lambda: being_sent(installation, "TambahAntrean") == ["PROSES-1"])
        page.goto("/integrasi/antrean")
        figure = page.locator("#c-TambahAntrean-sending")
        expect(figure).to_have_text("Dalam Proses 2")
        figure.click()
        expect(page.locator(f"{ROWS} .status")).to_have_text(["Menunggu", "Proses"])
    installation.settle()


def test_the_date_picker_takes_a_day_and_when_empty_shows_all_dates(page: Page) -> None:
    page.goto(HOME)
    total = page.locator(".day-figure")
    expect(total).to_contain_text("Semua tanggal")
    all_dates = total.inner_text()
    page.locator("summary", has_text="Semua tanggal").click()
    page.get_by_label("Tanggal", exact=True).fill("01/01/2001")
    page.keyboard.press("Enter")
    expect(total).to_contain_text("01/01/2001 0 / 0 terkirim")
    expect(page.get_by_text("Tidak ada pada tanggal ini").first).to_be_visible()
    page.locator("summary", has_text="01/01/2001").click()
    page.locator(".date-clear").click()
    expect(total).to_have_text(all_dates)


def test_the_search_leaves_the_cards_whose_type_matches(page: Page) -> None:
    page.goto(HOME)
    search = page.get_by_role("searchbox", name="Cari jenis data")
    cards = page.locator(".type-card:visible")
    for words in ("alergi", "allergyintolerance"):
        search.fill(words)
        expect(cards).to_have_count(1)
        expect(cards).to_contain_text("Alergi")
    search.fill("tidak ada begini")
    expect(page.get_by_text("Tidak ada jenis data yang cocok.")).to_be_visible()
    search.fill("")
    expect(cards.nth(4)).to_be_visible()


@pytest.mark.parametrize("days", ["", EMPTY_DAY])
def test_regenerate_stands_at_the_bottom_right_of_the_four_foundation_cards(page: Page, days: str) -> None:
    page.goto(f"{HOME}{days}")
    names = ("Unit / Poli", "Lokasi / Ruang", "Tenaga Kesehatan", "Pasien")
    assert dict(page.evaluate(REGENERATE)) == dict.fromkeys(names, True)


def test_a_card_leads_to_a_table_with_the_columns_of_its_type(page: Page) -> None:
    page.goto(HOME)
    card_of(page, "Diagnosa").get_by_role("link", name="Diagnosa", exact=True).click()
    own = ["No. Kunjungan", "Kode", "Nama", "Jenis"]
    names = ["Tanggal", "Norm", "Nama Pasien", *own, "Status", "Percobaan", "Waktu (WIB)", "Aksi"]
    expect(page.locator("thead th[scope=col]")).to_have_text(names)


def test_each_state_has_a_badge_of_the_colour_that_the_manual_gives(page: Page) -> None:
    page.goto(f"{HOME}/Condition?status=failed")
    expect(page.locator(f"{ROWS} .status.s-failed .http").first).to_have_text("400")
    assert badge_colours(page, "sent", "failed", "queued") == ["green outline", "red", "red outline"]
    assert badge_colours(page, "sending", "retrying") == ["blue outline", "yellow outline"]
    assert badge_colours(page, "blocked", "unsure", "ignored") == ["violet outline", "orange outline", "grey outline"]


def test_a_list_is_filtered_by_status_and_leads_on_from_page_to_page(page: Page) -> None:
    page.goto(f"{HOME}/Observation")
    place = page.locator(".place")
    expect(place).to_have_text(re.compile(r"^1–25 dari \d+$"))
    page.get_by_role("link", name="Berikutnya").click()
    expect(place).to_have_text(re.compile(r"^26–50 dari \d+$"))
    page.locator("summary", has=page.locator("#status-chosen")).click()
    page.get_by_role("checkbox", name="Tidak Terkirim").check()
    page.get_by_role("button", name="Saring").click()
    expect(page.locator("#status-chosen")).to_have_text("Tidak Terkirim")
    n = page.locator(ROWS).count()
    expect(page.locator(f"{ROWS} .s-failed")).to_have_count(n)
    expect(place).to_have_text(f"1–{n} dari {n}")


def test_the_eye_opens_a_side_panel_with_request_and_response(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(f"{HOME}/Condition?status=failed")
    page.get_by_role("link", name=re.compile("^Detail ")).first.click()
    drawer = page.locator("dialog.drawer[open]")
    drawer.get_by_role("link", name="Request & Response").click()
    request, response = drawer.locator(".pair-side").first, drawer.locator(".pair-side").last
    expect(request).to_contain_text("resourceType")
    expect(response).to_contain_text("OperationOutcome")
    page.set_viewport_size({"width": 1000, "height": 768})
    expect(response).to_be_hidden()
    drawer.get_by_role("link", name="Response", exact=True).click()
    expect(drawer.get_by_text("OperationOutcome").first).to_be_visible()


def test_edit_mode_is_inside_the_side_panel_and_the_wide_editor_one_click_away(
    page: Page, installation: Installation
) -> None:
    failed(installation, "Condition", broken_diagnosis("LEBAR-1"))
    page.goto(f"{HOME}/Condition?text=LEBAR-1")
    page.get_by_role("link", name="Detail LEBAR-1").click()
    page.locator("dialog.drawer").get_by_role("link", name="Ubah isi").click()
    expect(page.locator("dialog.drawer #isi-kiriman")).to_have_value(re.compile("resourceType"))
    page.get_by_role("link", name="Editor lebar").click()
    expect(page.locator("dialog.drawer #isi-kiriman")).to_have_count(0)
    expect(page.locator("#isi-kiriman")).to_have_value(re.compile("resourceType"))


def test_a_refusal_of_the_data_says_what_is_wrong_and_who_mends_it(page: Page, installation: Installation) -> None:
    [id_] = failed(installation, "Condition", broken_diagnosis("DATA-1"))
    page.goto(f"{HOME}/Condition/{id_}")
    expect(page.locator(".delivery-head")).to_contain_text("HTTP 400")
    expect(page.locator(".cause")).to_contain_text("Kode diagnosa tidak dikenal")
    expect(page.locator(".cause")).to_contain_text("Diperbaiki oleh: Petugas")
