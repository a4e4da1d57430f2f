"""Bulk resend in a browser: confirmed, watched, paused, resumed and cancelled."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.browser import log_in
from bench.many import multiply
from bench.site import Installation, site
from tests.browser.records import failed, unknown_patient
from tests.browser.watch import PageWatch

MANY = 60_000
"""Enough that a person can stop the job before it is done."""


@pytest.fixture
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield a separate installation: the resends would delay the worker of the other tests."""
    with site(tmp_path_factory.mktemp("busy")) as started:
        [one] = failed(started, "Patient", unknown_patient("BANYAK"))
        multiply(started.database, one, MANY)
        yield started


@pytest.fixture
def person(browser: Browser, busy: Installation) -> Iterator[Page]:
    context = browser.new_context(base_url=busy.address)
    watch = PageWatch(context, busy.address)
    yield log_in(context, busy.address, busy.access.user, busy.access.password)
    assert watch.complaints == []
    context.close()


def test_a_bulk_resend_can_be_paused_gone_on_with_and_cancelled(person: Page, busy: Installation) -> None:
    person.goto("/integrasi/satusehat/Patient/masalah")
    person.get_by_role("button", name="Kirim ulang semua", exact=True).click()
    expect(person.get_by_role("heading", name="Kirim ulang 60.001 kiriman?")).to_be_visible()
    expect(person.get_by_text("DEMO").last).to_be_visible()
    person.get_by_label("Alasan").fill("NIK sudah dibetulkan")
    person.get_by_role("button", name="Kirim ulang 60.001").click()
    person.get_by_role("button", name="Jeda").click()
    expect(person.get_by_text("Dijeda").first).to_be_visible()
    done = figure(person)
    person.reload()
    assert 0 <= done == figure(person) < MANY
    person.get_by_role("button", name="Lanjutkan").click()
    person.get_by_role("button", name="Batalkan").click()
    expect(person.get_by_text("Dibatalkan").first).to_be_visible()
    assert done <= figure(person) <= MANY
    expect(person.get_by_text("NIK sudah dibetulkan")).to_be_visible()


def test_the_ticked_ones_are_set_aside_with_a_reason(page: Page, installation: Installation) -> None:
    failed(installation, "Patient", *(unknown_patient(f"SISIH-{n}") for n in range(3)))
    page.goto("/integrasi/satusehat/Patient?text=SISIH-")
    for row in (0, 1):
        page.locator('tbody input[name="ids"]').nth(row).check()
    page.get_by_role("button", name="Abaikan…").click()
    page.get_by_label("Alasan").fill("Pasien ganda")
    page.get_by_role("button", name="Abaikan 2").click()
    expect(page.get_by_text("Selesai").first).to_be_visible()
    page.reload()
    expect(page.locator("tbody").get_by_text("Diabaikan")).to_have_count(2)


def figure(page: Page) -> int:
    """Return the number of deliveries that the page shows as done by the job."""
    return int(re.sub(r"\D", "", page.locator("#kemajuan .figures strong").inner_text()))
