"""The questions that a list cannot answer, walked in Chromium: seconds and clicks until the answer is on the screen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from math import nan
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from playwright.sync_api import Locator, Page

from admin.commands.demo_records import ZONE, day
from bench.browser import chromium, executable, log_in
from bench.options import Options
from bench.places import reviewed
from bench.processes import until
from bench.rows import Row
from bench.site import Installation, clinic_day, site
from engine.settings import ROOT

HOME = "/integrasi/satusehat"  # where a person begins
PATIENT = "SELECT patient_norm FROM visits WHERE facility_id = 1 ORDER BY lacks_from IS NULL, id LIMIT 1"
BROKEN = "RJ-0023-DX1"  # diagnosis of the demo's day whose code is in no list
RIGHT_CODE = "I50.0"
ALIKE = 40
MAX_SECONDS = 5.0  # of the pages until the answer is there; a person's own time comes on top
SENT_SECONDS = 30.0  # until all are sent, of which 10 can be used to undo


class Walk:
    """A person's way to an answer: counts clicks and entered texts, and the seconds of the pages."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.texts = 0
        self.seconds = 0.0

    def begin(self) -> None:
        self.page.goto(HOME, wait_until="networkidle")
        self._started = time.perf_counter()

    def click(self, target: Locator, leads_to: str = "") -> None:
        """Click, and wait for the page of that address (a pattern), if it leads to one."""
        self.clicks += 1
        target.click()
        if leads_to:
            self.page.wait_for_url(leads_to, wait_until="domcontentloaded")

    def enter(self, target: Locator, text: str) -> None:
        self.texts += 1
        target.fill(text)

    def search(self, text: str) -> None:
        """Type into the search of the header, by its keys."""
        self.texts += 1
        self.page.keyboard.press("Control+k")
        self.page.locator("#kata:focus").wait_for()
        self.page.keyboard.type(text)

    def seen(self, answer: Locator) -> None:
        """Stop the clock when the answer is on the screen."""
        answer.wait_for(timeout=60_000)
        self.seconds = time.perf_counter() - self._started

    def row(self, question: str, seconds: float) -> Row:
        acts = f"texts entered: {self.texts}, clicks: {self.clicks}"
        against = f"{MAX_SECONDS:.0f} s, Chromium, warm"
        return Row(question, against, seconds / MAX_SECONDS, "<= 1", seconds, "s", acts)


def rows(options: Options) -> list[Row]:
    """Return a row for each question of the demo's day: the median of several walks, but one of mending."""
    if executable() is None:
        return [Row("questions", "Chromium", nan, "<= 1", nan, "s", "not measured: no Chromium; see ANTAR_CHROMIUM")]
    with TemporaryDirectory() as folder, site(Path(folder)) as panel, chromium() as browser:
        panel.play()
        until(lambda: reviewed(panel))
        hand_in_alike(panel)
        context = browser.new_context(base_url=panel.address, viewport={"width": 1366, "height": 768})
        page = log_in(context, panel.address, panel.access.user, panel.access.password)
        [(norm,)] = panel.rows(PATIENT)
        return [
            _walked(page, "has this patient's data been sent?", lambda walk: ask_for_patient(walk, norm), options),
            _walked(page, "which visits of the day lack something?", ask_for_incomplete_visits, options),
            *mend_alike(page),
        ]


def _walked(page: Page, question: str, ask: Callable[[Walk], None], options: Options) -> Row:
    """Return the row of a question that is asked several times, after one that fills the caches."""
    walks = []
    for _ in range(options.rounds + 1):
        walk = Walk(page)
        walk.begin()
        ask(walk)
        walks.append(walk)
    return walks[-1].row(question, median(walk.seconds for walk in walks[1:]))


def ask_for_patient(walk: Walk, norm: str) -> None:
    """Search the number of a patient; the page shows each visit with a mark for each type."""
    walk.search(norm)
    walk.click(walk.page.locator("#cari-hasil a").first, "**/pasien/*")
    walk.seen(walk.page.locator(".type-mark").first)


def ask_for_incomplete_visits(walk: Walk) -> None:
    """Open the visits of today, go back to the demo's day, and to those that are not complete."""
    walk.click(walk.page.locator('.sidebar-link[href="/kunjungan"]'), "**/kunjungan")
    for _ in range((datetime.now(ZoneInfo(ZONE)).date() - clinic_day()).days):
        walk.click(walk.page.locator('a[rel="prev"]').first, "**date_from=*")
    walk.click(walk.page.locator(".chip-link.s-failed"), "**kurang=ya*")
    walk.seen(walk.page.locator(".matrix tbody tr").first)


def mend_alike(page: Page) -> list[Row]:
    """Replace the wrong code of all failed diagnoses from *Masalah*; return the rows of doing it and of the result."""
    walk = Walk(page)
    walk.begin()
    walk.click(page.locator('.sidebar-link[href="/masalah"]'), "**/masalah")
    cause = page.locator(".causes > li", has_text="Kode diagnosa tidak dikenal").first
    walk.click(cause.locator('a[href*="/perbaiki"]').first, "**/perbaiki?*")
    walk.enter(page.locator('input[name="new-0"]'), RIGHT_CODE)
    walk.click(page.get_by_role("button", name="Lihat hasilnya"), "**/perbaiki/pratinjau*")
    walk.click(page.get_by_role("button", name=re.compile("Terapkan dan kirim")), "**/pekerjaan/*")
    walk.seen(page.get_by_text(re.compile("Mulai dikirim dalam")).first)
    done = walk.seconds
    walk.seen(page.get_by_text(re.compile(rf"{ALIKE + 1} terkirim|{ALIKE} terkirim")).first)
    sent = f"{SENT_SECONDS:.0f} s, 10 of them to undo"
    return [
        walk.row(f"mend these {ALIKE} alike", done),
        Row("the same, until all are sent", sent, walk.seconds / SENT_SECONDS, "<= 1", walk.seconds, "s"),
    ]


def hand_in_alike(panel: Installation) -> None:
    """Hand in diagnoses that the ministry refuses for the same code."""
    lines = dict(day(ROOT / "config", clinic_day()))["Condition"].splitlines()
    like: dict[str, Any] = next(record for record in map(orjson.loads, lines) if record["id"] == BROKEN)
    panel.hand_in("Condition", *({**like, "id": f"SERUPA-{n}"} for n in range(ALIKE)))
    panel.settle()
