"""Mappings in a browser: by mouse, by keyboard and with files, for two mappings that no Python names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bench.browser import log_in
from bench.processes import until
from bench.site import Installation, clinic_day, site
from tests.browser.colours import colour_name
from tests.browser.test_every_page import PHONE, RULES, SERIOUS, WIDER
from tests.browser.watch import PageWatch

MAPPED = Path(__file__).parent / "mapped"
HOME = "/pemetaan/goods"
BORDER = "card => getComputedStyle(card).borderLeftColor"
LONG = (
    "Obat batuk hitam cap ibu dan anak ukuran besar sekali dengan nama yang tidak habis-habisnya dan tetap harus muat"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield an installation with two mappings and their code lists."""
    with site(tmp_path_factory.mktemp("shop"), MAPPED) as started:
        started.hand_in("Good", {"code": "LAMA", "name": LONG, "shelf": "Rak nomor seratus dua puluh lima"})
        started.hand_in("Examination", {"code": "HB", "name": "Hemoglobin", "specimen": "Darah"})
        read = "SELECT COUNT(*) FROM synchronisations WHERE list IN ('register', 'test_codes') AND state = 'done'"
        until(lambda: started.rows(read)[0][0] == 2)
        yield started


@pytest.fixture
def person(browser: Browser, shop: Installation) -> Iterator[Page]:
    context = browser.new_context(base_url=shop.address, locale="id-ID", accept_downloads=True)
    context.set_default_timeout(15_000)
    watch = PageWatch(context, shop.address)
    watch.expect("htmx:(afterRequest|sendAbort)")  # a newer search takes the place of an older one
    yield log_in(context, shop.address, shop.access.user, shop.access.password)
    assert watch.complaints == []
    context.close()


def items(shop: Installation, *names: str) -> list[int]:
    """Submit goods with these names, which are their codes too."""
    shop.hand_in("Good", *({"code": name, "name": name} for name in names))
    return [shop.rows("SELECT id FROM items WHERE key = ?", name)[0][0] for name in names]


def deliver(shop: Installation, key: str, good: str, status: str) -> None:
    shop.hand_in("Delivered", {"id": key, "good": good, "at": f"{clinic_day()}T08:00:00+07:00"})
    reaches(shop, key, status)


def reaches(shop: Installation, key: str, status: str) -> None:
    until(lambda: shop.rows("SELECT status FROM deliveries WHERE key = ?", key) == [(status,)])


def code_of(shop: Installation, id_: int) -> Any:
    return shop.rows("SELECT code FROM items WHERE id = ?", id_)[0][0]


def test_what_waits_is_mapped_by_mouse_and_goes_out(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Parasetamol 500mg tab")
    deliver(shop, "KLIK", "Parasetamol 500mg tab", "blocked")
    person.goto("/integrasi/satusehat/Delivered")
    person.get_by_role("link", name="barang belum dipetakan").click()
    person.get_by_role("link", name=re.compile("Parasetamol 500 mg Tablet")).click()
    expect(person).to_have_url(re.compile("kode=93000001"))
    person.get_by_role("button", name="Konfirmasi").click()
    expect(person.get_by_text("1 kiriman tidak lagi menunggunya")).to_be_visible()
    assert code_of(shop, id_) == "93000001"
    until(lambda: shop.rows("SELECT status FROM deliveries WHERE key = 'KLIK'") != [("blocked",)])


def test_one_item_after_the_other_is_mapped_without_a_mouse(person: Page, shop: Installation) -> None:
    first, second = items(shop, "Amoksilin 250 kaps", "Amoksilin 500 kaps")
    person.goto(f"{HOME}?q=amoksilin")
    expect(person.locator("tbody tr")).to_have_count(2)
    person.keyboard.press("j")
    person.keyboard.press("Enter")
    expect(person.get_by_role("heading", level=1)).to_have_text("Amoksilin 250 kaps")
    expect(person.locator("[data-help]")).to_be_visible()  # from now on the page hears keys
    person.keyboard.press("/")
    person.keyboard.type("amoxsisilin 250")
    expect(person.locator("a[data-choose]").first).to_contain_text("Amoksisilin 250 mg Kapsul")
    expect(person).to_have_url(re.compile(r"q=amoxsisilin\+250"))
    person.keyboard.press("ArrowDown")
    expect(person.locator("#konfirmasi h2")).to_have_text("Amoksisilin 250 mg Kapsul")
    expect(person.locator("#pilihan[aria-busy]")).to_have_count(0)
    person.keyboard.press("Enter")
    expect(person.get_by_role("heading", level=1)).to_have_text("Amoksilin 500 kaps")
    expect(person.locator("[data-help]")).to_be_visible()
    person.keyboard.press("1")
    expect(person.locator("#konfirmasi")).to_be_visible()
    person.keyboard.press("j")
    person.keyboard.press("k")
    expect(person.locator("#konfirmasi h2")).to_have_text(person.locator(".candidate-name").first.inner_text())
    expect(person.locator("#pilihan[aria-busy]")).to_have_count(0)  # until then Enter confirms nothing
    person.keyboard.press("Enter")
    expect(person).not_to_have_url(re.compile(rf"/pemetaan/goods/{second}\b"))
    expect(person.locator(".done")).to_be_visible()
    assert [code_of(shop, first), code_of(shop, second)] == ["93000006", "93000004"]


def test_what_is_exact_is_looked_through_and_confirmed_together(person: Page, shop: Installation) -> None:
    ticked, unticked, other = items(shop, "Parasetamol 500 mg tab", "Amoksisilin 250 mg kapsul", "Amoksisilin 999 mg")
    person.goto(HOME)
    person.get_by_role("link", name=re.compile(r"\d+ dari \d+ dapat dikonfirmasi sekaligus")).click()
    boxes = person.locator("input[name=pilih]")
    button = person.get_by_role("button", name=re.compile("Konfirmasi"))
    expect(button).to_have_text(f"Konfirmasi {boxes.count()}")
    person.get_by_role("checkbox", name="Centang semua").uncheck()
    expect(button).to_be_disabled()
    person.get_by_role("checkbox", name=re.compile("Konfirmasi Parasetamol 500 mg tab dengan")).check()
    expect(button).to_have_text("Konfirmasi 1")
    button.click()
    expect(person.get_by_role("status").filter(has_text="1 dikonfirmasi")).to_be_visible()
    assert [code_of(shop, id_) for id_ in (ticked, unticked, other)] == ["93000001", None, None]


def test_help_and_the_way_back_are_keys_too(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Tanpa saran")
    person.goto(f"{HOME}/{id_}?tab=belum")
    person.keyboard.press("?")
    expect(person.get_by_role("dialog")).to_contain_text("konfirmasi")
    person.keyboard.press("Escape")
    expect(person.get_by_role("dialog")).to_have_count(0)
    person.keyboard.press("Escape")
    expect(person).to_have_url(re.compile(r"/pemetaan/goods\?tab=belum$"))


def test_another_strength_is_confirmed_expressly_or_not_at_all(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Parasetamol 250mg tab")
    person.goto(f"{HOME}/{id_}?kode=93000001")
    person.locator("body").press("Enter")
    tick = person.get_by_role("checkbox", name=re.compile("Kekuatan berbeda"))
    expect(tick).to_be_focused()
    person.get_by_role("button", name="Konfirmasi").click()
    assert code_of(shop, id_) is None
    tick.focus()
    person.keyboard.press("Space")
    person.keyboard.press("Enter")
    expect(person.get_by_role("button", name="Konfirmasi")).to_be_focused()
    assert code_of(shop, id_) is None
    person.keyboard.press("Enter")
    expect(person.locator(".done")).to_be_visible()
    assert code_of(shop, id_) == "93000001"


def test_a_changed_code_offers_to_send_the_old_ones_again(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Parasetamol 120mg/5ml sirup")
    person.goto(f"{HOME}/{id_}?kode=93000003&tab=belum")
    person.get_by_role("button", name="Konfirmasi").click()
    expect(person.locator(".done")).to_be_visible()
    deliver(shop, "UBAH", "Parasetamol 120mg/5ml sirup", "sent")
    person.goto(f"{HOME}?tab=sudah&q=120mg")
    person.get_by_role("link", name="Ubah", exact=True).click()
    person.goto(f"{HOME}/{id_}?tab=sudah&kode=93000007")
    for tick in person.locator("input[name=setuju]").all():
        tick.check()
    person.get_by_role("button", name="Konfirmasi").click()
    person.get_by_role("button", name="Kirim ulang dengan kode baru").click()
    expect(person.get_by_role("heading", name="Regenerate 1 kiriman?")).to_be_visible()
    expect(person.get_by_text("→ 93000007")).to_be_visible()


def test_who_is_second_is_told_who_was_first(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Amoksisilin 500 mg kapsul rebutan")
    person.goto(f"{HOME}/{id_}?kode=93000004")
    other = person.context.new_page()
    other.goto(f"{HOME}/{id_}?kode=93000006")
    other.get_by_role("checkbox").check()
    other.get_by_role("button", name="Konfirmasi").click()
    expect(other.locator(".done")).to_be_visible()
    person.get_by_role("button", name="Konfirmasi").click()
    expect(person.get_by_role("alert")).to_contain_text("memberinya kode 93000006")
    assert code_of(shop, id_) == "93000006"


def test_a_code_opens_over_the_page_and_the_focus_comes_back(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Parasetamol 500 mg tablet detail")
    person.goto(f"{HOME}/{id_}?kode=93000001")
    link = person.locator("#konfirmasi a[data-code]").first
    person.keyboard.press("d")
    dialog = person.get_by_role("dialog", name="Detail Kode Register")
    expect(dialog).to_contain_text("Farma Satu")
    person.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()


def test_a_mapping_is_removed_after_a_question(person: Page, shop: Installation) -> None:
    [id_] = items(shop, "Parasetamol 500 mg tablet hapus")
    person.goto(f"{HOME}/{id_}?kode=93000001")
    person.get_by_role("button", name="Konfirmasi").click()
    expect(person.locator(".done")).to_be_visible()
    person.goto(f"{HOME}?tab=sudah&q=hapus")
    person.get_by_role("link", name="Hapus pemetaan Parasetamol 500 mg tablet hapus").click()
    person.get_by_role("button", name="Hapus pemetaan").click()
    expect(person.get_by_text("dihapus.")).to_be_visible()
    assert code_of(shop, id_) is None


def test_progress_is_yellow_below_75_percent_and_green_from_there(person: Page, shop: Installation) -> None:
    [(id_,)] = shop.rows("SELECT id FROM items WHERE key = 'HB'")
    progress = person.locator(".figure").last
    person.goto("/pemetaan/tests")
    expect(progress).to_contain_text("0 %")
    assert colour_name(progress.evaluate(BORDER)) == "yellow"
    person.goto(f"/pemetaan/tests/{id_}?kode=718-7")
    person.get_by_role("button", name="Konfirmasi").click()
    expect(person.locator(".done")).to_be_visible()
    person.goto("/pemetaan/tests")
    expect(progress).to_contain_text("100 %")
    assert colour_name(progress.evaluate(BORDER)) == "green"


def test_a_file_of_items_is_checked_and_then_stored(person: Page, shop: Installation) -> None:
    person.goto(HOME)
    person.get_by_role("link", name="Unggah & unduh").click()
    table = "code;name;Harga\nU1;Unggahan satu;1.250,50\nU2;;3\nU3;Unggahan tiga;mahal\n"
    person.get_by_label("Berkas CSV atau XLSX").first.set_input_files(
        {"name": "barang.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    person.get_by_role("button", name="Periksa dahulu").first.click()
    expect(person.get_by_text("2 baris salah")).to_be_visible()
    expect(person.get_by_role("cell", name="$.price")).to_be_visible()
    person.get_by_role("button", name="Simpan 1 Barang").click()
    expect(person.get_by_text("1 baru, 0 berubah, 0 tetap.")).to_be_visible()
    assert shop.rows("SELECT record FROM items WHERE key = 'U1'")[0][0].endswith('"price":1250.5}')


def test_mappings_go_out_as_a_table_and_come_back(person: Page, shop: Installation) -> None:
    [plain, differing] = items(shop, "Parasetamol 500 mg tablet tabel", "Parasetamol 250 mg tablet tabel")
    person.goto(f"{HOME}/berkas")
    with person.expect_download() as download:
        person.get_by_role("button", name="Ekspor CSV").click()
    lines = list(csv.DictReader(StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    chosen = [{**line, "code": "93000001"} for line in lines if line["key"].endswith("tabel")]
    out = StringIO()
    writer = csv.DictWriter(out, chosen[0])
    writer.writeheader()
    writer.writerows([*chosen, {**chosen[0], "key": "tidak ada"}])
    person.get_by_label("Berkas CSV atau XLSX").last.set_input_files(
        {"name": "kode.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode()}
    )
    person.get_by_role("button", name="Periksa dahulu").last.click()
    expect(person.get_by_text("1 baris akan dipetakan.")).to_be_visible()
    expect(person.get_by_text("barang ini tidak ada")).to_be_visible()
    person.get_by_role("checkbox", name=re.compile("Kekuatan berbeda: 250 di klinik")).check()
    person.get_by_role("button", name="Impor", exact=True).click()
    expect(person.get_by_text("2 dipetakan, 0 dilewati")).to_be_visible()
    assert [code_of(shop, plain), code_of(shop, differing)] == ["93000001", "93000001"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_assistive_technology_can_use_every_page_of_both_mappings(
    person: Page, shop: Installation, scheme: Any
) -> None:
    person.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    findings = []
    for address in addresses(shop):
        person.goto(address)
        for violation in Axe().run(person, options=RULES[scheme]).response["violations"]:
            if violation["impact"] in SERIOUS:
                findings += [f"{address}: {violation['id']}: {node['html'][:160]}" for node in violation["nodes"][:3]]
    assert findings == []


def test_no_page_of_a_mapping_is_wider_than_a_phone(person: Page, shop: Installation) -> None:
    person.set_viewport_size(PHONE)
    wider = {}
    for address in addresses(shop):
        person.goto(address)
        wider[address] = person.evaluate(WIDER)
    assert {address: pixels for address, pixels in wider.items() if pixels > 0} == {}


def addresses(shop: Installation) -> list[str]:
    paths = []
    for mapping, item, code in (("goods", "LAMA", "93000007"), ("tests", "HB", "718-7")):
        home, id_ = f"/pemetaan/{mapping}", shop.rows("SELECT id FROM items WHERE key = ?", item)[0][0]
        paths += [home, f"{home}?tab=tinjau", f"{home}?tab=sudah", f"{home}?q=tidak-ada-begini", f"{home}/berkas"]
        paths += [f"{home}/{id_}", f"{home}/{id_}?kode={code}&hapus=ya", f"{home}/kode?kode={code}"]
        paths += [f"{home}/sekaligus"] if mapping == "goods" else []
    return paths
