"""Checks of every page: no errors in the console, usable by keyboard and screen reader, no wider than a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from litestar.routes import HTTPRoute
from playwright.sync_api import BrowserContext, Page

from admin.app import litestar_app
from admin.http.access import Right
from bench.places import page_addresses
from bench.site import Installation
from tests.browser.watch import PageWatch

LEAN = {"resultTypes": ["violations"]}
RULES = {"light": LEAN, "dark": {**LEAN, "runOnly": ["color-contrast"]}}
"""All of them once; what differs in the dark is the contrast."""
SERIOUS = {"serious", "critical"}
PHONE, LAPTOP = {"width": 360, "height": 740}, {"width": 1366, "height": 768}
MIN_ROWS = 14  # of a list on a laptop without scrolling
ELSEWHERE = {
    *("/", "/referensi", "/mulai", "/monitoring", "/monitoring/{upstream:str}"),
    *("/integrasi/{upstream:str}/masalah", "/persiapan/{name:str}", "/laporan/{month:str}/csv"),
    *("/kunjungan/bulan/{month:str}/csv", "/tampilan/menu", "/tampilan/{view:int}"),
}
"""Links to another page or to a file when somebody is logged in."""
LISTS = "SELECT upstream, spec, COUNT(*) FROM deliveries GROUP BY upstream, spec"
CUT_OFF = "[...document.querySelectorAll('.table-responsive')].map(box => box.scrollWidth - box.clientWidth)"
ROWS_IN_SIGHT = (
    "[...document.querySelectorAll('tbody tr')].filter(row => row.getBoundingClientRect().bottom <= innerHeight)"
)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize(("scheme", "language"), [("light", "id"), ("dark", "en")])
def test_assistive_technology_can_use_every_page(
    page: Page, context: BrowserContext, installation: Installation, scheme: Any, language: str
) -> None:
    context.add_cookies([{"name": "antar_language", "value": language, "url": installation.address}])
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    findings = []
    for name, address in {"login": "/login", **page_addresses(installation)}.items():
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == language
        for violation in Axe().run(page, options=RULES[scheme]).response["violations"]:
            if violation["impact"] in SERIOUS:
                findings += [f"{name}: {violation['id']}: {node['html'][:160]}" for node in violation["nodes"][:3]]
    assert findings == []


def test_no_page_is_wider_than_a_phone(page: Page, installation: Installation) -> None:
    page.set_viewport_size(PHONE)
    wider = {}
    for name, address in page_addresses(installation).items():
        page.goto(address)
        wider[name] = page.evaluate(WIDER)
    assert {name: pixels for name, pixels in wider.items() if pixels > 0} == {}


def test_lists_show_all_their_columns_and_enough_rows_on_a_laptop(page: Page, installation: Installation) -> None:
    page.set_viewport_size(LAPTOP)
    for upstream, spec, n in installation.rows(LISTS):
        page.goto(f"/integrasi/{upstream}/{spec}")
        cut_off, rows = page.evaluate(CUT_OFF), len(page.evaluate(ROWS_IN_SIGHT))
        assert (spec, cut_off, rows >= min(n, MIN_ROWS)) == (spec, [0], True), rows


def test_no_page_of_the_panel_is_forgotten_here(installation: Installation) -> None:
    addresses = list(page_addresses(installation).values())
    forgotten = [
        path for path in sorted(page_routes() - ELSEWHERE) if not any(_leads_to(path, address) for address in addresses)
    ]
    assert forgotten == []


def test_a_page_that_complains_is_noticed(page: Page, watch: PageWatch) -> None:
    page.goto("/integrasi/satusehat")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    assert watch.complaints
    watch.expect("Content Security Policy|404|400")


def page_routes() -> set[str]:
    """Return the paths of all routes that answer a person with a whole page."""
    asked = [
        (route.path, handler)
        for route in litestar_app().routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "GET" in handler.http_methods
    ]
    return {
        path
        for path, handler in asked
        if handler.opt.get("right") in {Right.PANEL, Right.PERSON} and not handler.opt.get("live")
    }


def _leads_to(path: str, address: str) -> bool:
    pattern = re.sub(r"\{\w+:int\}", r"\\d+", re.sub(r"\{\w+:str\}", "[^/]+", path))
    return bool(re.fullmatch(pattern, address.split("?")[0]))
