"""Different active ingredient in the shipped mapping: not suggested, and confirmed only with a tick."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.processes import until
from bench.site import Installation

HOME = "/pemetaan/kfa"
ORALIT = {"code": "UJI-ORALIT", "name": "Oralit sachet", "form": "serbuk", "unit": "sachet"}
CETIRIZINE = {
    "code": "UJI-CETIRIZIN",
    "name": "Cetirizin 10 mg tab",
    "generic_name": "Cetirizine",
    "form": "tablet",
    "strength": "10 mg",
}
BRAND = {"code": "UJI-MEREK", "name": "Sanmol 500 mg tab"}


@pytest.fixture(scope="module", autouse=True)
def dictionary(installation: Installation) -> None:
    """Read the dictionary and submit the products."""
    read = "SELECT COUNT(*) FROM synchronisations WHERE list = 'kfa' AND state = 'done'"
    until(lambda: installation.rows(read)[0][0] > 0)
    installation.hand_in("Product", ORALIT, CETIRIZINE, BRAND)


def item(site: Installation, product: dict[str, str]) -> tuple[int, Any]:
    """Return the id and the code of the item."""
    [row] = site.rows("SELECT id, code FROM items WHERE item = 'Product' AND key = ?", product["code"])
    return row[0], row[1]


def code_of(site: Installation, name: str) -> str:
    [(code,)] = site.rows("SELECT key FROM code_rows WHERE list = 'kfa' AND content LIKE ? LIMIT 1", f'%"{name}"%')
    return str(code)


def test_oralit_is_proposed_as_ors_and_confirmed_by_one_key(page: Page, installation: Installation) -> None:
    id_, _ = item(installation, ORALIT)
    page.goto(f"{HOME}/{id_}")
    names = page.locator(".candidate-name").all_inner_texts()
    assert names
    assert all(name.startswith("Oral Rehydration Salts") for name in names)
    expect(page.locator("#konfirmasi h2")).to_have_text(names[0])
    expect(page.locator("[data-help]")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_be_visible()
    assert item(installation, ORALIT)[1] == code_of(installation, names[0])


def test_keys_do_not_confirm_another_ingredient(page: Page, installation: Installation) -> None:
    id_, before = item(installation, CETIRIZINE)
    page.goto(f"{HOME}/{id_}?q=diclofenac+potassium+50+tablet")
    expect(page.locator(".candidate-name").first).to_contain_text("Diclofenac Potassium")
    expect(page.locator("#calon kbd")).to_have_count(0)
    expect(page.locator("[data-help]")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#konfirmasi")).to_have_count(0)
    page.locator("a[data-choose]").first.click()
    sentence = re.compile("Zat aktif berbeda: Cetirizine di klinik, Diclofenac Potassium pada kode ini. Saya yakin")
    tick = page.get_by_role("checkbox", name=sentence)
    expect(tick).to_be_visible()
    expect(page.locator("#pilihan[aria-busy]")).to_have_count(0)
    for _ in range(3):
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Konfirmasi").click()
    expect(tick).to_be_visible()
    assert (item(installation, CETIRIZINE)[1], before) == (None, None)


def test_who_ticks_the_sentence_confirms_another_ingredient(page: Page, installation: Installation) -> None:
    code = code_of(installation, "Diclofenac Potassium 50 mg Tablet")
    id_, _ = item(installation, CETIRIZINE)
    page.goto(f"{HOME}/{id_}?kode={code}")
    page.get_by_role("checkbox", name=re.compile("Zat aktif berbeda")).check()
    for box in page.locator("input[name=setuju]").all():
        box.check()
    page.get_by_role("button", name="Konfirmasi").click()
    expect(page.locator(".done")).to_be_visible()
    assert item(installation, CETIRIZINE)[1] == code


def test_a_salt_is_proposed_without_a_tick(page: Page, installation: Installation) -> None:
    id_, _ = item(installation, CETIRIZINE)
    page.goto(f"{HOME}/{id_}?kode=")
    expect(page.locator(".candidate-name").first).to_have_text("Cetirizine Dihydrochloride 10 mg Tablet")
    page.locator("a[data-choose]").first.click()
    expect(page.locator("#konfirmasi h2")).to_have_text("Cetirizine Dihydrochloride 10 mg Tablet")
    expect(page.locator("#konfirmasi input[name=setuju]")).to_have_count(0)
    expect(page.locator("#konfirmasi .t-close")).to_contain_text("mirip")


def test_an_unknown_brand_has_no_suggestion_and_a_search_clears_the_pane(
    page: Page, installation: Installation
) -> None:
    id_, _ = item(installation, BRAND)
    page.goto(f"{HOME}/{id_}")
    expect(page.locator("#calon")).to_contain_text("Tidak ada saran")
    search = page.locator("[data-search]")
    search.fill("paracetamol 500 tablet")
    page.locator("a[data-choose]").first.click()
    expect(page.locator("#konfirmasi h2")).to_have_text("Paracetamol 500 mg Tablet")
    expect(page.locator("#konfirmasi tr", has_text="Merek")).to_contain_text("tidak diketahui")
    search.fill("zzzzzz")
    expect(page.locator("#calon")).to_contain_text("Tidak ada yang cocok")
    expect(page.locator("#konfirmasi")).to_have_count(0)
