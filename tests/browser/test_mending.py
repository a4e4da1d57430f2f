"""Correction of a refused delivery in a browser: edited, resent and accepted; and two people editing at once."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from bench.site import Installation
from tests.browser.records import broken_diagnosis, failed
from tests.browser.watch import PageWatch

LIST = "/integrasi/satusehat/Condition"
BODY = "#isi-kiriman"
OTHER = "I50.9"
SAVE = "Simpan & Kirim Ulang"
SENT = re.compile(r"Terkirim \d\d\.\d\d\.\d\d, nomor \S+\.")


def test_a_refused_delivery_is_found_understood_mended_and_arrives(page: Page, installation: Installation) -> None:
    failed(installation, "Condition", broken_diagnosis("BETUL-1"))
    page.goto("/integrasi/satusehat")
    page.get_by_role("link", name="Diagnosa", exact=True).click()
    page.locator('input[name="text"]').fill("BETUL-1")
    page.locator('input[name="text"]').press("Enter")
    page.get_by_role("link", name="Detail BETUL-1").click()
    drawer = page.locator("dialog.drawer[open]")
    expect(drawer.get_by_text("Kode diagnosa tidak dikenal")).to_be_visible()
    expect(drawer.get_by_text("Pilih kode yang berlaku")).to_be_visible()
    drawer.get_by_role("link", name="Ubah isi").click()
    write(page, "I50.2", "I50.0")
    expect(page.locator("#periksa .diff")).to_contain_text("I50.0")
    page.locator("#alasan").fill("Kode yang berlaku")
    page.get_by_role("button", name=SAVE).click()
    expect(drawer.locator(".outcome")).to_contain_text(SENT)
    expect(page).to_have_url(re.compile(r"text=BETUL-1"))  # the list is still there, behind the drawer
    page.goto(f"{LIST}?text=BETUL-1")
    expect(page.locator("#daftar tbody tr")).to_contain_text("Terkirim")
    expect(page.locator("#daftar tbody tr")).not_to_contain_text("Tidak")


def test_the_second_of_two_who_edit_is_told_and_loses_nothing(
    page: Page, context: BrowserContext, watch: PageWatch, installation: Installation
) -> None:
    watch.expect("409")
    [id_] = failed(installation, "Condition", broken_diagnosis("BERDUA-1"))
    other = context.new_page()
    for tab in (page, other):
        tab.goto(f"{LIST}/{id_}/ubah")
    write(page, "I50.2", "I50.0")
    page.locator("#alasan").fill("Yang pertama")
    page.get_by_role("button", name=SAVE).click()
    expect(page.locator(".outcome")).to_contain_text(SENT)
    write(other, "I50.2", OTHER)
    other.locator("#alasan").fill("Yang kedua")
    other.get_by_role("button", name=SAVE).click()
    expect(other.get_by_text(re.compile("admin lebih dahulu menyimpan perubahan"))).to_be_visible()
    expect(other.locator(BODY)).to_have_value(re.compile(OTHER))
    expect(other.locator("#alasan")).to_have_value("Yang kedua")
    number = id_at_the_ministry(page)
    expect(other.locator(BODY)).to_have_value(re.compile(f'"id": "{number}"'))
    expect(other.get_by_text(re.compile("sudah disesuaikan menjadi pembaruan"))).to_be_visible()
    other.get_by_role("button", name="Simpan di atasnya").click()
    expect(other.locator(".outcome")).to_contain_text(f"nomor {number}.")
    assert written(installation, number) == OTHER


def test_what_is_no_json_is_told_by_line_while_it_is_typed(
    page: Page, watch: PageWatch, installation: Installation
) -> None:
    watch.expect("422")
    [id_] = failed(installation, "Condition", broken_diagnosis("SALAH-1"))
    page.goto(f"{LIST}/{id_}/ubah")
    page.locator(BODY).fill('{\n  "resourceType": "Condition",\n  oops\n}')
    expect(page.locator("#periksa")).to_contain_text("Baris 3")
    page.locator("#alasan").fill("Coba")
    page.get_by_role("button", name=SAVE).click()
    expect(page.get_by_text("Belum disimpan")).to_be_visible()
    expect(page.locator(BODY)).to_have_value(re.compile("oops"))


def write(page: Page, old: str, new: str) -> None:
    """Replace every `old` in the body, as a person does in the editor once htmx listens to it."""
    page.wait_for_function("body => document.querySelector(body)?.['htmx-internal-data']", arg=BODY)
    page.locator(BODY).fill(page.locator(BODY).input_value().replace(old, new))


def written(installation: Installation, number: str) -> str:
    """Return the code of the diagnosis at the ministry."""
    stored = installation.world.satusehat.store.get("Condition", number)
    assert stored
    return str(stored.resource["code"]["coding"][0]["code"])


def id_at_the_ministry(page: Page) -> str:
    """Return the id at the ministry that the page shows."""
    return page.locator(".outcome strong").inner_text().rpartition("nomor ")[2].rstrip(".")
