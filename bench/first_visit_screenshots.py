"""make screenshots, third part: the way to the first sent visit, for the clinics' technicians; prints what it took."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, ViewportSize, expect

from bench.browser import chromium
from bench.first_visit import FirstVisitWalk
from bench.fresh import NEAR, FreshInstallation, fresh
from bench.screenshots import save_picture
from engine.settings import ROOT

FOLDER = ROOT / "docs" / "screenshots" / "first-visit"
WIDTH, HEIGHT = 1200, 860
NAME = "klinik_contoh"  # of the clinic's database and of its user, in the pictures


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, fresh(Path(folder), NAME) as installation, chromium() as browser:
        if installation.his.kind != "mariadb":
            raise SystemExit("the pictures show a MariaDB; start one at 127.0.0.1:3306")
        size = ViewportSize(width=WIDTH, height=HEIGHT)
        page = browser.new_context(viewport=size, locale="id-ID", reduced_motion="reduce").new_page()
        acts = FirstVisitWalk(page, installation, lambda name: save_picture(page, FOLDER / f"{name}.png")).whole()
        print(f"{acts}, by hand {acts.by_hand / 60:.1f} minutes")
        _break_source(page, installation)
        save_picture(page, FOLDER / "gangguan.png")


def _break_source(page: Page, installation: FreshInstallation) -> None:
    """Take the reader's right to a table away, and let the source read at once."""
    name = installation.his.name
    installation.his.run(f"REVOKE SELECT ON `{name}`.`pemeriksaan_ralan` FROM '{name}'@'{NEAR}'")
    page.goto(f"{installation.address}/sumber")
    page.get_by_role("button", name="Jeda", exact=True).click()
    page.get_by_role("button", name="Lanjutkan", exact=True).click()
    expect(page.get_by_text("Gangguan", exact=True)).to_be_visible(timeout=30_000)


if __name__ == "__main__":
    main()
