"""A clinic's database is told in the one table that was made for it, and nothing else of it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Verdict
from adapters.his_database.connection import connected
from adapters.his_database.faults import HisFault
from adapters.his_database.status_table import status_table, write_statuses
from engine.database.database import Database
from tests.conftest import Clock
from tests.engine.small_hub import refused
from tests.engine.sources import laravel
from tests.engine.sources.conftest import clinic as his  # noqa: F401
from tests.engine.sources.laravel import put
from tests.engine.sources.unheard_of import Clinic, Tabib, open_tabib
from tests.engine.subscribers.receiver import ToldClinic

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("his", ["sqlite", "mariadb", "postgresql"], indirect=True),
]
TOLD = laravel.SOURCE.replace("    reads:\n", "    tell: {table: antar_status}\n    reads:\n", 1)


@pytest.fixture
async def klinik(
    tmp_path: Path,
    database: Database,
    database_url: str,
    clock: Clock,
    his: Clinic,  # noqa: F811
) -> AsyncIterator[Tabib]:
    opened = await open_tabib(tmp_path, database_url, clock, his, TOLD, laravel.TABLES)
    await his.run(next(status_table(his.system, "antar_status", his.credentials["database"], "u", "h")))
    await opened.start()
    yield opened
    await opened.reader.stop()
    await opened.antar.hub.close()


async def statuses(klinik: Tabib) -> list[tuple[Any, ...]]:
    """Return what the clinic's database has been told."""
    reading = connected(klinik.clinic.system, klinik.clinic.credentials)
    async with reading as connection, connection.snapshot(5) as snapshot:
        rows = await snapshot.rows("SELECT * FROM antar_status ORDER BY 2", {})
    return [tuple(row.values()) for row in rows]


async def test_a_clinics_database_is_told_what_became_of_its_records(klinik: Tabib) -> None:
    told = ToldClinic(klinik.antar)
    await told.tick()
    await put(klinik, 1, "07:00:00")
    await put(klinik, 2, "07:00:01")
    await klinik.read()
    klinik.antar.ministry.script = [refused(Verdict.REJECTED, 400, message="NIK salah")]
    await klinik.antar.work()
    await told.tell()
    first, second = await statuses(klinik)
    assert first[:5] == ("Visit", "V1", "failed", None, "NIK salah")
    assert second[:5] == ("Visit", "V2", "sent", "id-V2", None)
    assert str(first[5]).startswith("2026-03-10 08:00:00")
    await put(klinik, 1, "08:00:30", "pilek")
    await klinik.read(60)
    await klinik.antar.work()
    await told.tell()
    assert (await statuses(klinik))[0][:5] == ("Visit", "V1", "sent", "id-V1", None)


async def test_a_missing_table_is_told_and_tried_again(klinik: Tabib) -> None:
    told = ToldClinic(klinik.antar)
    await told.tick()
    await klinik.clinic.run("ALTER TABLE antar_status RENAME TO elsewhere")
    await put(klinik, 1, "07:00:00")
    await klinik.read()
    await klinik.antar.work()
    await told.tell()
    position = await told.position()
    assert (position.tries, "antar_status" in position.problem) == (1, True)
    await klinik.clinic.run("ALTER TABLE elsewhere RENAME TO antar_status")
    klinik.clock.pass_(60)
    await told.tick()
    assert [row[1] for row in await statuses(klinik)] == ["V1"]


async def test_the_connection_that_reads_cannot_write(klinik: Tabib) -> None:
    reading = connected(klinik.clinic.system, klinik.clinic.credentials)
    async with reading as connection, connection.snapshot(5) as snapshot:
        with pytest.raises(HisFault):
            await snapshot.rows("DELETE FROM antar_status", {})


async def test_a_name_that_is_none_is_refused(klinik: Tabib) -> None:
    with pytest.raises(ValueError, match="no name"):
        await write_statuses(klinik.clinic.system, klinik.clinic.credentials, "a; DROP TABLE b", [], 5)
