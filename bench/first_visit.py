"""Walk of a person who knows the clinic, and no YAML, from a fresh installation to the first sent visit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Frame, Locator, Page, expect

from bench.fresh import NEAR, SYSTEM, FreshInstallation

PERSON, PASSWORD = "sari", "kata-sandi-sari"
READER_PASSWORD = "kata-sandi-baca"  # of the user whom the clinic's technician makes
ACCOUNT = {"client_id": "demo-client", "client_secret": "demo-secret"}
# Seconds of the keystroke-level model (Card, Moran, Newell): an act is thought of and pointed at, a key is pressed.
THINKING_SECONDS, POINTING_SECONDS, KEY_SECONDS = 1.35, 1.1, 0.28
READING_SECONDS = 15.0  # for a page that a person has never seen; our assumption


@dataclass(slots=True)
class Acts:
    """What a person has done at the panel, and the seconds for which the panel let the person wait."""

    pages: int = 0
    clicks: int = 0
    fields: int = 0
    keys: int = 0
    seconds: float = 0.0

    @property
    def by_hand(self) -> float:
        """Return the seconds that a person needs, by the keystroke-level model and our assumption for reading."""
        acts = self.clicks + self.fields
        moving = acts * (THINKING_SECONDS + POINTING_SECONDS) + (self.keys + self.clicks) * KEY_SECONDS
        return self.seconds + moving + self.pages * READING_SECONDS


class FirstVisitWalk:
    """The walk in one page of a browser; `seen` is called with a name wherever a manual shows a picture."""

    def __init__(self, page: Page, fresh: FreshInstallation, seen: Callable[[str], None] = lambda name: None) -> None:
        self.page, self.acts, self._fresh, self._seen = page, Acts(), fresh, seen
        page.on("framenavigated", self._opened)

    def whole(self) -> Acts:
        """Go all the way; return what it took."""
        began = time.perf_counter()
        self.make_administrator()
        self.add_clinic()
        self.choose_system()
        self.enter_database()
        self.try_source()
        self.begin_reading()
        self.await_visit()
        self.acts.seconds = time.perf_counter() - began
        return self.acts

    def make_administrator(self) -> None:
        self.page.goto(f"{self._fresh.address}/mulai?kunci={self._fresh.setup_token}")
        self._seen("mulai")
        self._fill(name=PERSON, password=PASSWORD, again=PASSWORD)
        self._press("Buat akun dan masuk")
        expect(self.page.get_by_text("0 dari 7 selesai")).to_be_visible()
        self._seen("langkah")

    def add_clinic(self) -> None:
        self._follow("Tambah klinik")
        self._fill(name="Klinik Sehat Bersama", code="sehat", organization_id="100099001")
        self._fill(**{f"satusehat.{name}": value for name, value in ACCOUNT.items()})
        self._seen("klinik")
        self._press("Simpan")
        self._press("Uji koneksi")
        expect(self.page.get_by_text("Berhasil").first).to_be_visible()
        self._follow("Kembali ke daftar langkah")
        expect(self._step("Kredensial dan uji koneksi")).to_have_class("done")

    def choose_system(self) -> None:
        self._follow("Pilih sistem")
        self._seen("pilih")
        self._click(self.page.locator(f"a[href='/sumber/{SYSTEM}/kredensial']"))

    def enter_database(self) -> None:
        """Enter a wrong address and a wrong password first, as people do; have the technician make the user."""
        if self._fresh.his.kind == "sqlite":
            self._fill(database=self._fresh.his.name)
        else:
            name = self._fresh.his.name
            self._fill(host=NEAR, port="1", database=name, user=name, password="salah")
            self._press("Simpan & uji koneksi")
            expect(self.page.get_by_text("Server database klinik tidak menjawab.")).to_be_visible()
            self._fill(port="3306")
            self._press("Simpan & uji koneksi")
            expect(self.page.get_by_text("Server menolak pengguna atau kata sandinya.")).to_be_visible()
            self._seen("kredensial")
            statements = self.page.locator("#sql").input_value().replace("PASSWORD", READER_PASSWORD)
            self._fresh.his.run(*statements.splitlines())
            self._fill(password=READER_PASSWORD)
        self._press("Simpan & uji koneksi")
        expect(self.page.get_by_text("Database terbuka.")).to_be_visible()

    def try_source(self) -> None:
        self._follow("Lanjut: coba baca satu hari")
        expect(self.page.get_by_text("Semua jenis sudah dicoba")).to_be_visible()
        self._seen("coba")

    def begin_reading(self) -> None:
        self._follow("Lanjut: mulai membaca")
        expect(self.page.get_by_text(f"antar source adopt {SYSTEM}")).to_be_visible()
        self._press("Mulai dari hari ini")
        expect(self.page.get_by_text("Pembacaan dimulai.")).to_be_visible()

    def await_visit(self) -> None:
        """Look at the visits until one of them is sent."""
        expect(self.page.get_by_text("Berjalan", exact=True)).to_be_visible()
        self._seen("berjalan")
        self._follow("Kunjungan")
        expect(self.page.locator("main .status.s-sent").first).to_be_visible()
        self._seen("terkirim")

    def _opened(self, frame: Frame) -> None:
        if frame == self.page.main_frame:
            self.acts.pages += 1

    def _step(self, label: str) -> Locator:
        return self.page.locator(".setup-steps > li").filter(has=self.page.get_by_text(label, exact=True))

    def _fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name='{name}']").fill(value)
            self.acts.fields += 1
            self.acts.keys += len(value)

    def _press(self, label: str) -> None:
        self._click(self.page.get_by_role("button", name=label, exact=True))

    def _follow(self, label: str) -> None:
        self._click(self.page.get_by_role("link", name=label, exact=True))

    def _click(self, place: Locator) -> None:
        place.first.click()
        self.acts.clicks += 1
