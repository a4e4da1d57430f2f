"""make screenshots: the main pages of the demo as small pictures in docs/screenshots, for the README."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, BrowserContext, Page

from bench.browser import chromium, log_in
from bench.site import Site, site
from engine.settings import ROOT

FOLDER = ROOT / "docs" / "screenshots"
DESKTOP, PHONE = (1280, 800), (360, 740)
LARGEST = 150_000
"""Bytes of a picture at most."""
FAILED = "SELECT spec, id FROM deliveries WHERE status = 'failed' AND http_status >= 400 ORDER BY id LIMIT 1"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, site(Path(folder)) as shown, chromium() as browser:
        shown.play()
        with _person(browser, shown, DESKTOP, "light") as page:
            for name, address in addresses(shown).items():
                _take(page, name, address)
        with _person(browser, shown, DESKTOP, "dark") as page:
            _take(page, "dashboard-dark", "/integrasi/satusehat?period=all")
        with _person(browser, shown, PHONE, "light") as page:
            _take(page, "dashboard-phone", "/integrasi/satusehat?period=all")


def addresses(shown: Site) -> dict[str, str]:
    """Name of the picture -> its page."""
    [(spec, id_)] = shown.rows(FAILED)
    return {
        "dashboard": "/integrasi/satusehat?period=all",
        "list": f"/integrasi/satusehat/{spec}",
        "delivery": f"/integrasi/satusehat/{spec}/{id_}",
    }


@contextmanager
def _person(browser: Browser, shown: Site, size: tuple[int, int], scheme: str) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        base_url=shown.address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="id-ID",
        reduced_motion="reduce",
    )
    yield log_in(context, shown.address, shown.access.user, shown.access.password)
    context.close()


def _take(page: Page, name: str, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB")
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST / 1000:.0f} kB; show less")


if __name__ == "__main__":
    main()
