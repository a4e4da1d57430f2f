"""A clinic's system of the kind that Laravel makes: rows say when they were changed, and when they were deleted."""

from __future__ import annotations

from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from tests.engine.sources.unheard_of import Tabib

SOURCE = """
sources:
  tabib:
    label: Klinik Laravel
    system: sqlite
    credentials: {database: Nama database, user: Pengguna, password: Kata sandi, host: Alamat, port: Porta}
    patience: 5
    grants: [appointments, findings]
    reads:
      visits:
        into: Visit
        by: watermark
        column: updated_at
        query: SELECT id, starts_at, note, updated_at, deleted_at FROM appointments
          WHERE updated_at >= :since ORDER BY updated_at, id LIMIT :limit
        with:
          found: {on: id, query: "SELECT f.appointment_id AS id, f.code FROM findings f JOIN appointments a
            ON a.id = f.appointment_id WHERE a.updated_at BETWEEN :since AND :until ORDER BY 2"}
        deleted: "{{ row.deleted_at }}"
        keys: SELECT id FROM appointments
        key: "{{ row.id }}"
        record:
          id: "V{{ row.id }}"
          at: "{{ row.starts_at | moment }}"
          note: "{{ found[0].code if found else row.note }}"
        gone: {note: dibatalkan}
        example:
          row: {id: 1, starts_at: "2026-03-10 08:00:00", note: "-", updated_at: "2026-03-10 08:00:00", deleted_at: null}
          with: {found: [{id: 1, code: A01}]}
"""
TABLES = """
CREATE TABLE appointments (
  id INTEGER PRIMARY KEY, starts_at TIMESTAMP NULL, note VARCHAR(100), updated_at TIMESTAMP NULL,
  deleted_at TIMESTAMP NULL
);
CREATE TABLE findings (appointment_id INTEGER, code VARCHAR(10));
"""


class PostgresqlClinic:
    """A database of its own at a server of PostgreSQL."""

    system = "postgresql"

    def __init__(self, url: URL, database: str) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._database = database
        self.credentials = {"host": url.host or "", "port": str(url.port or 5432), "user": url.username or ""}
        self.credentials |= {"password": str(url.password or ""), "database": database}

    async def run(self, statements: str) -> None:
        await self._at(self._url.set(database=self._database), statements)

    async def at_server(self, statements: str) -> None:
        await self._at(self._url.set(database="postgres"), statements)

    async def _at(self, url: URL, statements: str) -> None:
        engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in filter(str.strip, statements.split(";")):
                await connection.exec_driver_sql(statement)
        await engine.dispose()


async def put(tabib: Tabib, id_: int, at: str, note: str = "batuk") -> None:
    """Enter an appointment, or replace it; `at` is when its transaction began, as the system's clock had it."""
    await tabib.clinic.run(
        f"DELETE FROM appointments WHERE id = {id_};"
        f"INSERT INTO appointments VALUES ({id_}, '2026-03-10 08:00:00', '{note}', '2026-03-10 {at}', NULL)"
    )
