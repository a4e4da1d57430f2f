"""*Verifikasi identitas pasien* in a real browser, with the sandbox as the Ministry."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.site import Installation


def test_an_officer_opens_the_page_of_the_ministry(page: Page, installation: Installation) -> None:
    page.goto("/integrasi/satusehat")
    page.get_by_role("link", name="Verifikasi identitas pasien").click()
    page.get_by_label("Nama petugas").fill("Petugas Uji")
    page.get_by_label("NIK petugas (16 angka)").fill("3313096403900009")
    page.get_by_role("button", name="Minta tautan").click()
    link = page.get_by_role("link", name="Buka halaman Satu Sehat")
    expect(link).to_be_visible()
    expect(page.get_by_label("NIK petugas (16 angka)")).to_have_value("")
    answer = page.request.get(link.get_attribute("href") or "")
    assert (answer.status, "Petugas: Petugas Uji" in answer.text()) == (200, True)
    assert page.url == f"{installation.address}/identitas/satusehat"


def test_a_wrong_number_is_told_before_anything_is_sent(page: Page) -> None:
    page.goto("/identitas/satusehat")
    page.get_by_label("Nama petugas").fill("Petugas Uji")
    page.get_by_label("NIK petugas (16 angka)").fill("123")
    page.get_by_role("button", name="Minta tautan").click()
    assert page.evaluate("document.getElementById('nik').validity.patternMismatch")
    expect(page.get_by_role("link", name="Buka halaman Satu Sehat")).to_have_count(0)
