"""*Tarik* in a browser: asked in the drawer, told there and in the list, and undone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.site import Installation
from tests.browser.records import broken_diagnosis, failed


def test_a_record_is_withdrawn_in_the_drawer_and_that_is_undone(page: Page, installation: Installation) -> None:
    [id_] = failed(installation, "Condition", broken_diagnosis("TARIK-1"))
    page.goto(f"/integrasi/satusehat/Condition?text=TARIK-1&buka={id_}")
    drawer = page.locator("dialog.drawer[open]")
    drawer.get_by_role("link", name="Tarik…").click()
    expect(drawer.get_by_text("Tidak ada kiriman lain yang bergantung padanya.")).to_be_visible()
    drawer.get_by_label("Mengapa ditarik?").fill("Salah pasien")
    drawer.get_by_role("button", name="Tarik data ini").click()
    expect(drawer.locator("#keadaan-kiriman")).to_contain_text("Ditarik")
    expect(drawer.get_by_text("admin menarik data ini")).to_be_visible()
    page.goto("/integrasi/satusehat/Condition?text=TARIK-1")
    expect(page.locator("#daftar tbody tr")).to_contain_text("Ditarik")
    page.goto(f"/integrasi/satusehat/Condition/{id_}")
    page.get_by_text("Batalkan penarikan").first.click()
    page.get_by_label("Data dikirim lagi seperti sebelum ditarik.").fill("Ternyata benar")
    page.get_by_role("button", name="Batalkan penarikan").click()
    expect(page.locator("#keadaan-kiriman")).to_contain_text("Tidak Terkirim")
