"""make screenshots: the main pages of the demo as small pictures in docs/screenshots, for the README."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from bench.browser import chromium, log_in
from bench.demo import demo
from bench.places import page_addresses
from bench.site import Installation
from engine.settings import ROOT

FOLDER = ROOT / "docs" / "screenshots"
DESKTOP, PHONE = (1366, 768), (390, 780)
COLOURS = 128  # of a picture; the panel has few, and the file is a third as large
MAX_PICTURE_BYTES = 150_000
# Picture -> page.
PICTURES = {
    "dashboard": "dashboard",
    "list": "list",
    "drawer": "drawer",
    "editor": "editor",
    "problems": "problems of all types",
    "job": "job",
    "mapping": "mapping, item",
    "bpjs": "overview of an area",
    "monitoring": "monitoring",
    "status": "health",
}
DARK = ("dashboard",)
PHONES = ("dashboard", "list", "drawer", "bpjs")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo() as panel, chromium() as browser:
        panel.ask_for_a_job()
        places = page_addresses(panel)
        addresses = {name: places[place] for name, place in PICTURES.items()}
        _take(browser, panel, addresses, DESKTOP)
        _take(browser, panel, {f"{name}-dark": addresses[name] for name in DARK}, DESKTOP, scheme="dark")
        _take(browser, panel, {f"{name}-phone": addresses[name] for name in PHONES}, PHONE)


def _take(
    browser: Browser, panel: Installation, addresses: Mapping[str, str], size: tuple[int, int], scheme: str = "light"
) -> None:
    with _person(browser, panel, size, scheme) as page:
        for name, address in addresses.items():
            page.goto(address)
            save_picture(page, FOLDER / f"{name}.png")


def save_picture(page: Page, path: Path) -> None:
    """Save what the page shows, once it has come to rest; end the program if the file is large."""
    page.wait_for_load_state("networkidle")
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    n_bytes = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {n_bytes / 1000:.0f} kB")
    if n_bytes > MAX_PICTURE_BYTES:
        raise SystemExit(f"{path.name} is larger than {MAX_PICTURE_BYTES / 1000:.0f} kB; show less")


@contextmanager
def _person(browser: Browser, panel: Installation, size: tuple[int, int], scheme: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=panel.address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="id-ID",
        reduced_motion="reduce",
    )
    yield log_in(context, panel.address, panel.access.user, panel.access.password)
    context.close()


if __name__ == "__main__":
    main()
