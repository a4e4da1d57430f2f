"""make screenshots, second part: the example day of each use case, handed in as its page prints it and sent.

Takes a picture of each visit in docs/screenshots/use-cases and prints how long each day took.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from PIL import Image
from playwright.sync_api import Page

from bench.browser import chromium, log_in
from bench.places import reviewed
from bench.processes import until
from bench.site import Installation, site
from engine.settings import ROOT

PAGES, FOLDER = ROOT / "docs" / "use-cases", ROOT / "docs" / "screenshots" / "use-cases"
WIDTH, HEIGHT = 1366, 768
COLOURS = 64
MAX_PICTURE_BYTES = 120_000
PATIENCE_SECONDS = 120.0  # of one day, and of a dictionary that is read
BLOCK = re.compile(r"^`POST (/api/v1/records/\w+)`\n\n```json\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
# Item -> mapping, code list and code: what a person of the clinic has confirmed before such a day.
CODES = {
    "VAK-001": ("kfa", "kfa", "93001282"),
    "OBT-001": ("kfa", "kfa", "93002313"),
    "LAB-HB": ("laboratory", "loinc_laboratory", "718-7"),
    "LAB-BTA": ("laboratory", "loinc_laboratory", "11545-1"),
}
UNSENT = "SELECT COUNT(*) FROM deliveries WHERE status <> 'sent'"
STATUSES = "SELECT spec, key, status, problem FROM deliveries WHERE status <> 'sent'"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"{'use case':<18} {'records':>7} {'seconds':>7} {'kB':>4}")
    with TemporaryDirectory() as folder, site(Path(folder)) as panel, chromium() as browser:
        _confirm_codes(panel)
        context = browser.new_context(
            base_url=panel.address,
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="id-ID",
            reduced_motion="reduce",
        )
        page = log_in(context, panel.address, panel.access.user, panel.access.password)
        for path in sorted(PAGES.glob("*.md")):
            if day := list(_day(path)):
                seconds = _hand_in(panel, day)
                n_bytes = _take(panel, page, path.stem, day)
                count = sum(len(orjson.loads(body)) for _, body in day)
                print(f"{path.stem:<18} {count:>7} {seconds:>7.1f} {n_bytes / 1000:>4.0f}", flush=True)
        context.close()


def _day(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield address and body of each request that the page of a use case prints."""
    for address, body in BLOCK.findall(path.read_text("utf-8")):
        yield address, body.encode()


def _confirm_codes(panel: Installation) -> None:
    """Hand in the items of all days and give them their codes, as a person of the clinic does once."""
    for path in PAGES.glob("*.md"):
        for address, body in _day(path):
            if address.endswith(("/Product", "/LabTest")):
                panel.api(address, body)
    for item, (mapping, code_list, code) in CODES.items():
        _await_code(panel, code_list, code)
        [(id_,)] = panel.rows("SELECT id FROM items WHERE key = ?", item)
        panel.administer(f"/pemetaan/{mapping}/{id_}", kode=code)
    if missing := panel.rows("SELECT key FROM items WHERE state <> 'mapped'"):
        raise SystemExit(f"without a code: {missing}")


def _await_code(panel: Installation, code_list: str, code: str) -> None:
    """Return when the copy of a code list has a code."""
    query = "SELECT 1 FROM code_rows WHERE list = ? AND key = ?"
    until(lambda: bool(panel.rows(query, code_list, code)), patience=PATIENCE_SECONDS)


def _hand_in(panel: Installation, day: list[tuple[str, bytes]]) -> float:
    """Hand a day in; return the seconds from the first request until all deliveries are sent."""
    began = time.monotonic()
    for address, body in day:
        answer = panel.api(address, body)
        assert answer["refused"] == 0, answer
    try:
        until(lambda: panel.rows(UNSENT)[0][0] == 0, patience=PATIENCE_SECONDS)
    except TimeoutError as error:
        raise SystemExit(f"not sent: {panel.rows(STATUSES)}") from error
    return time.monotonic() - began


def _take(panel: Installation, page: Page, name: str, day: list[tuple[str, bytes]]) -> int:
    """Take the picture of the day's visit; return its size in bytes."""
    [key] = [orjson.loads(body)[0]["id"] for address, body in day if address.endswith("/Encounter")]
    until(lambda: reviewed(panel), patience=PATIENCE_SECONDS)
    [(visit,)] = panel.rows("SELECT id FROM visits WHERE key = ?", key)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"/kunjungan/{visit}")
    page.wait_for_load_state("networkidle")
    # As high as the page, so that the menu at its side is as long.
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": max(HEIGHT, height)})
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    n_bytes = path.stat().st_size
    if n_bytes > MAX_PICTURE_BYTES:
        raise SystemExit(f"{path.name} is larger than {MAX_PICTURE_BYTES / 1000:.0f} kB; show less")
    return n_bytes


if __name__ == "__main__":
    main()
