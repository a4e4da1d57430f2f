"""The documentation of the API in a browser: what `/schema` describes is shown, without a breach of the policy."""

from __future__ import annotations

from playwright.sync_api import Page, expect

PHONE = {"width": 360, "height": 740}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_an_operation_is_shown_with_its_fields_and_cannot_write(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/schema/docs")
    operation = page.locator("#operations-jobs-draft_job")
    operation.locator(".opblock-summary-control").click()
    expect(operation.locator(".opblock-body")).to_contain_text("Fix the set of a job")
    expect(operation.locator(".try-out__btn")).to_have_count(0)
    assert page.evaluate(WIDER) == 0


def test_reading_can_be_tried_out(page: Page) -> None:
    page.goto("/schema/docs")
    operation = page.locator("#operations-deliveries-list_deliveries")
    operation.locator(".opblock-summary-control").click()
    expect(operation.locator(".try-out__btn")).to_be_visible()
