"""Pages of the panel in Chromium: milliseconds from the start of a navigation until a person can use the page."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

from bench.browser import chromium, executable, log_in
from bench.options import Options
from bench.places import page_addresses
from bench.rows import Row
from bench.site import site

MAX_MS = 300
SLOWEST = 5  # pages that the note names
# The document is read, the deferred scripts have run, and the first content is painted.
INTERACTIVE = """() => new Promise((resolve) => {
    const loaded = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
    new PerformanceObserver((list) => {
        const painted = list.getEntriesByName("first-contentful-paint")[0];
        if (painted) resolve(Math.max(loaded, painted.startTime));
    }).observe({ type: "paint", buffered: true });
})"""


def rows(options: Options) -> list[Row]:
    """Return one row: the slowest page among all of the demo's day, warm, the median of its visits."""
    if executable() is None:
        return [_row("pages interactive", nan, "not measured: no Chromium; install it or name it in ANTAR_CHROMIUM")]
    with TemporaryDirectory() as folder, site(Path(folder)) as panel, chromium() as browser:
        panel.play()
        panel.ask_for_a_job()
        panel.store_inbound_request()
        addresses = {"login": "/login", **page_addresses(panel)}
        context = browser.new_context(base_url=panel.address, viewport={"width": 1366, "height": 768})
        page = log_in(context, panel.address, panel.access.user, panel.access.password)
        medians = {name: median(visits(page, address, options.rounds)) for name, address in addresses.items()}
    return [slowest(medians)]


def visits(page: Page, address: str, times: int) -> list[float]:
    """Return the milliseconds of each of `times` visits, after one that fills the caches and asks for all its parts."""
    page.goto(address, wait_until="networkidle")
    spent = []
    for _ in range(times):
        page.goto(address, wait_until="domcontentloaded")
        spent.append(float(page.evaluate(INTERACTIVE)))
    return spent


def slowest(medians: Mapping[str, float]) -> Row:
    """Return the row of all pages: the slowest against MAX_MS, and a note that names the slowest few."""
    names = sorted(medians, key=lambda name: medians[name], reverse=True)
    note = f"median of all {median(medians.values()):.0f} ms; slowest: "
    note += ", ".join(f"{name} {medians[name]:.0f}" for name in names[:SLOWEST])
    return _row(f"slowest of {len(names)} pages interactive", medians[names[0]], note)


def _row(what: str, milliseconds: float, note: str) -> Row:
    return Row(what, f"{MAX_MS} ms, Chromium, warm", milliseconds / MAX_MS, "<= 1", milliseconds, "ms", note)
