"""The documentation of the API in a browser: what `/schema` describes is shown, without a breach of the policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import LEAN, SERIOUS

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_assistive_technology_can_use_it_once_it_is_drawn(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/schema/docs")
    page.locator("#operations-jobs-draft_job .opblock-summary-control").click()
    expect(page.locator("#operations-jobs-draft_job .opblock-body")).to_be_visible()
    expect(page).to_have_url(re.compile("#/jobs/draft_job$"))  # a link to it can be copied
    violations = Axe().run(page, options=LEAN).response["violations"]
    found = [node["html"][:160] for one in violations if one["impact"] in SERIOUS for node in one["nodes"]]
    assert found == []
