"""Hostile texts in submitted records: shown on every page, never run, never outside their box."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from bench.site import Installation
from tests.browser.records import broken_diagnosis, failed, unknown_patient
from tests.browser.watch import PageWatch

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NAMES = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quotes": "\"' onmouseover=alert(3) x='\"></td></tr></table><h1>",
    "template": "{{ 7 * 7 }}{% raw %} ${7*7} &lt;b&gt;",
    "marks": "\u202eterbalik\u2066 \u200b\u0000".replace("\x00", "") + "\x07\x1b[31m",
    "formula": '=HYPERLINK("http://evil.example";"klik")',
    "long": "panjang" * 1_500,
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_name_is_only_a_name(page: Page, watch: PageWatch, installation: Installation, kind: str) -> None:
    name, norm = NAMES[kind], f"JAHAT-{kind}"
    [id_] = failed(installation, "Patient", unknown_patient(norm, name=name, contact_name=name, phone=name[:60]))
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        for address in (f"?text={norm}", f"/{id_}", "/masalah", f"?text={norm}&buka={id_}", f"/{id_}?tab=asal"):
            page.goto(f"/integrasi/satusehat/Patient{address}")
            expect(page.locator("h1").first).to_be_visible()
            assert page.evaluate(WIDER) <= 0, address
            assert page.locator("img[src=x], table h1, [onmouseover]").count() == 0


def test_a_hostile_code_and_its_echo_in_the_answer_are_only_text(page: Page, installation: Installation) -> None:
    code = {"code": "I50.2", "display": "<svg onload=alert(1)>"}
    [id_] = failed(installation, "Condition", broken_diagnosis("JAHAT-KODE", icd10=code, patient_name=code["display"]))
    for address in ("?text=JAHAT-KODE", f"/{id_}", f"/{id_}?tab=request", f"/{id_}/ubah"):
        page.goto(f"/integrasi/satusehat/Condition{address}")
        expect(page.get_by_text("I50.2").first).to_be_attached()
        assert page.locator("svg[onload], img[src=x]").count() == 0
