"""A small system of a clinic for browsers: its database as a file, and the source that reads it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from engine.facilities.facilities import by_code, set_credentials
from engine.hub import Hub
from engine.settings import Settings

NAME = "simklinik"
SOURCE = f"""
sources:
  {NAME}:
    label: SIM Klinik
    system: sqlite
    credentials: {{database: Nama database, user: Pengguna, password: Kata sandi, ca: Sertifikat CA}}
    grants: [ruang]
    reads:
      rooms:
        into: Location
        by: window
        windows: [{{days: 2, every: 60}}, {{days: 30, every: 3600}}]
        query: SELECT kode, nama, tgl FROM ruang WHERE tgl BETWEEN :since AND :until
        skip: "{{{{ row.nama == '-' }}}}"
        because: Ruang tanpa nama tidak dikirim.
        key: "{{{{ row.kode }}}}"
        record: {{id: "{{{{ row.kode }}}}", name: "{{{{ row.nama | blank }}}}", status: active}}
        example: {{row: {{kode: UMU, nama: Poli Umum, tgl: "2026-03-10"}}}}
"""
TABLES = "CREATE TABLE ruang (kode TEXT PRIMARY KEY, nama TEXT, tgl TEXT);"
ROOMS = (("UMU", "Poli Umum"), ("GIG", "Poli Gigi"), ("X", "-"), ("KOS", ""))


def write(folder: Path, config: Path, today: date) -> Path:
    """Write the database into a folder and the source into the configuration; return the path of the database."""
    (config / "resources" / f"{NAME}.yaml").write_text(SOURCE, "utf-8")
    file = folder / f"{NAME}.sqlite3"
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute(TABLES)
        opened.executemany(f"INSERT INTO ruang VALUES (?, ?, '{today}')", ROOMS)
    return file


async def enter(settings: Settings, file: Path) -> None:
    """Enter the credentials of the source; it is not started."""
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, None)
        await set_credentials(hub.database, hub.vault, facility.id, f"source:{NAME}", {"database": str(file)})
    finally:
        await hub.close()
