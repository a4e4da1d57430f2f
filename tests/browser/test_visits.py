"""Search of the header, patient, visit and the matrix of a day in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.places import page_addresses
from bench.processes import until
from bench.site import Installation

FAILED_VISIT = """
    SELECT v.id, v.key, v.patient_norm FROM visits AS v JOIN visit_deliveries AS m ON m.visit_id = v.id
    JOIN deliveries AS d ON d.id = m.delivery_id
    WHERE v.facility_id = 1 AND d.status = 'failed' AND v.reviewed = v.changes
    ORDER BY v.lacks_from IS NULL, v.id LIMIT 1
"""


def failed_visit(installation: Installation) -> tuple[int, str, str]:
    """Return id, number and norm of a visit of which something failed."""
    until(lambda: bool(installation.rows(FAILED_VISIT)))
    [(id_, key, norm)] = installation.rows(FAILED_VISIT)
    return id_, key, norm


def test_a_patient_is_found_and_opened_by_keyboard(page: Page, installation: Installation) -> None:
    _, _, norm = failed_visit(installation)
    page.goto("/kesehatan")
    page.keyboard.press("Control+k")
    page.keyboard.type(norm)
    expect(page.locator("#cari-hasil a")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pasien/*")
    assert norm not in page.url
    expect(page.get_by_role("heading", name="Kunjungan, terbaru dulu")).to_be_visible()


def test_escape_closes_the_results_and_slash_leads_back(page: Page, installation: Installation) -> None:
    _, key, _ = failed_visit(installation)
    page.goto("/kesehatan")
    page.keyboard.press("/")
    page.keyboard.type(key)
    expect(page.locator("#cari-hasil a")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#cari-hasil")).to_be_hidden()
    expect(page.locator("#kata")).to_be_focused()


def test_what_failed_of_a_visit_is_sent_again_and_its_result_appears(page: Page, installation: Installation) -> None:
    id_, _, _ = failed_visit(installation)
    page.goto(f"/kunjungan/{id_}")
    page.get_by_role("button", name="Kirim yang kurang").click()
    expect(page.locator(".visit-result")).to_contain_text("dikirim ulang:", timeout=30_000)


def test_the_matrix_shows_what_is_not_complete_only(page: Page, installation: Installation) -> None:
    page.goto(page_addresses(installation)["visits of a day"])
    page.get_by_role("link", name="Belum lengkap").click()
    page.wait_for_url("**kurang=ya*")
    assert page.locator(".matrix tbody tr").count() > 0
    expect(page.locator(".matrix .completeness.good")).to_have_count(0)
