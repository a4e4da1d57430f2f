"""Sentences of the clinics' manual about Pemetaan Obat KFA that no other browser test judges."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from bench.processes import until
from bench.site import Installation

HOME = "/pemetaan/kfa"
READ = "SELECT COUNT(*) FROM synchronisations WHERE list = 'kfa' AND state = 'done'"
PARACETAMOL = "Paracetamol 500 mg Tablet"


@pytest.fixture(scope="module", autouse=True)
def dictionary(installation: Installation) -> None:
    """Wait until the dictionary has been read."""
    until(lambda: installation.rows(READ)[0][0] > 0)


def product(installation: Installation, code: str) -> int:
    """Submit a product that nobody has mapped; return its id."""
    record = {"code": code, "name": f"Parasetamol 500 mg tab {code}", "generic_name": "Paracetamol"}
    installation.hand_in("Product", {**record, "form": "tablet", "strength": "500 mg"})
    [(id_,)] = installation.rows("SELECT id FROM items WHERE item = 'Product' AND key = ?", code)
    return int(id_)


def code_of(installation: Installation, name: str) -> str:
    query = "SELECT key FROM code_rows WHERE list = 'kfa' AND content LIKE ? ORDER BY key LIMIT 1"
    [(code,)] = installation.rows(query, f'%"{name}"%')
    return str(code)


def test_four_cards_say_how_many_products_are_mapped(page: Page, installation: Installation) -> None:
    page.goto(HOME)
    cards = page.locator(".figure")
    names = [text.partition("\n")[0].strip() for text in cards.all_inner_texts()]
    assert names == ["Total Produk", "Sudah Dipetakan", "Belum Dipetakan", "Progres"]
    total, mapped, unmapped = (int(text) for text in cards.locator("strong").all_inner_texts()[:3])
    [(review,)] = installation.rows("SELECT COUNT(*) FROM items WHERE item = 'Product' AND state = 'review'")
    assert total == mapped + unmapped + review
    expect(cards.last).to_contain_text(f"{100 * mapped // total} %")


def test_muat_ulang_at_the_top_right_counts_anew(page: Page, installation: Installation) -> None:
    page.goto(HOME)
    total = page.locator(".figure strong").first
    before = int(total.inner_text())
    product(installation, "UJI-MUAT")
    page.get_by_role("link", name="Muat Ulang").click()
    expect(total).to_have_text(str(before + 1))
    button, heading = page.get_by_role("link", name="Muat Ulang").bounding_box(), page.locator("h1").bounding_box()
    assert button
    assert heading
    assert button["x"] > heading["x"] + heading["width"]


def test_what_is_not_mapped_is_listed_with_the_most_awaited_first_and_searched(
    page: Page, installation: Installation
) -> None:
    product(installation, "UJI-CARI")
    page.goto(HOME)
    awaited = [
        int(re.sub(r"\D", "", text) or 0)
        for text in page.locator("td[data-label='Kiriman menunggu']").all_inner_texts()
    ]
    assert awaited == sorted(awaited, reverse=True)
    assert awaited[0] > 0
    page.get_by_role("searchbox", name="Cari produk atau kode").fill("UJI-CARI")
    page.get_by_role("button", name="Cari").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Petakan", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Parasetamol 500 mg tab UJI-CARI")


def test_a_product_is_mapped_by_code_listed_changed_and_removed(page: Page, installation: Installation) -> None:
    id_, code = product(installation, "UJI-PETA"), code_of(installation, PARACETAMOL)
    page.goto(f"{HOME}/{id_}")
    page.locator("[data-search]").fill(code)
    expect(page.locator(".candidate-name")).to_have_text([PARACETAMOL])
    page.locator("a[data-choose]").click()
    page.get_by_role("button", name="Konfirmasi").click()
    expect(page.locator(".done")).to_be_visible()
    page.goto(f"{HOME}?tab=sudah&q=UJI-PETA")
    heads = [text.strip() for text in page.locator("thead th").all_inner_texts()]
    assert [*heads[:3], heads[-1].lower()] == ["Nama Produk", "Kode KFA", "Nama KFA", "aksi"]
    expect(page.locator("tbody tr")).to_contain_text(f"{code}")
    expect(page.locator("tbody tr")).to_contain_text(PARACETAMOL)
    expect(page.get_by_role("link", name="Ubah", exact=True)).to_be_visible()
    page.get_by_role("link", name="Hapus pemetaan Parasetamol 500 mg tab UJI-PETA").click()
    page.get_by_role("button", name="Hapus pemetaan").click()
    expect(page.get_by_text("dihapus.")).to_be_visible()


def test_a_click_on_a_code_shows_code_name_form_strength_and_maker(page: Page, installation: Installation) -> None:
    id_, code = product(installation, "UJI-KODE"), code_of(installation, PARACETAMOL)
    page.goto(f"{HOME}/{id_}?kode={code}")
    page.locator("#konfirmasi a[data-code]").first.click()
    dialog = page.get_by_role("dialog", name="Detail Kode KFA")
    expect(dialog).to_contain_text(code)
    facts = ["Kode KFA", "Nama Obat", "Bentuk sediaan", "Kekuatan", "Produsen"]
    assert [label for label in dialog.locator("dt").all_inner_texts() if label in facts] == facts
