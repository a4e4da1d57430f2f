"""From a fresh installation to the first sent visit, with the panel alone and the system chosen on the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from bench.first_visit import FirstVisitWalk
from bench.fresh import fresh
from tests.browser.watch import PageWatch

MOST_PAGES, MOST_CLICKS, MOST_SECONDS_BY_HAND = 16, 14, 15 * 60


def test_a_person_gets_from_a_fresh_installation_to_the_first_sent_visit(browser: Browser, tmp_path: Path) -> None:
    with fresh(tmp_path) as installation:
        context = browser.new_context(locale="id-ID")
        watch = PageWatch(context, installation.address)
        acts = FirstVisitWalk(context.new_page(), installation).whole()
        context.close()
    assert watch.complaints == []
    assert (acts.pages <= MOST_PAGES, acts.clicks <= MOST_CLICKS, acts.by_hand < MOST_SECONDS_BY_HAND) == (True,) * 3
