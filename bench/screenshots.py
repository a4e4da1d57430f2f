"""make screenshots: the main pages of the demo as small pictures in docs/screenshots, for the README."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, BrowserContext, Page

from bench.browser import chromium, log_in
from bench.places import page_addresses
from bench.site import Installation, site
from engine.settings import ROOT

FOLDER = ROOT / "docs" / "screenshots"
DESKTOP, PHONE = (1200, 700), (360, 700)
MAX_PICTURE_BYTES = 150_000
PICTURES = ("dashboard", "drawer", "editor", "problems", "job")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, site(Path(folder)) as panel, chromium() as browser:
        panel.play()
        panel.ask_for_a_job()
        panel.store_inbound_request()
        addresses = page_addresses(panel)
        with _person(browser, panel, DESKTOP, "light") as page:
            for name in PICTURES:
                _take(page, name, addresses[name])
        with _person(browser, panel, DESKTOP, "dark") as page:
            _take(page, "dashboard-dark", addresses["dashboard"])
        with _person(browser, panel, PHONE, "light") as page:
            _take(page, "dashboard-phone", addresses["dashboard"])


@contextmanager
def _person(browser: Browser, panel: Installation, size: tuple[int, int], scheme: str) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        base_url=panel.address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="id-ID",
        reduced_motion="reduce",
    )
    yield log_in(context, panel.address, panel.access.user, panel.access.password)
    context.close()


def _take(page: Page, name: str, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB")
    if size > MAX_PICTURE_BYTES:
        raise SystemExit(f"{path.name} is larger than {MAX_PICTURE_BYTES / 1000:.0f} kB; show less")


if __name__ == "__main__":
    main()
