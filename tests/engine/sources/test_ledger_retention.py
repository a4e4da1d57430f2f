"""Ledger of reads by watermark: settled rows leave it in time, and nothing is sent twice for that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.database.database import Database
from engine.database.statements import Command
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG
from tests.engine.sources import laravel
from tests.engine.sources.laravel import put
from tests.engine.sources.unheard_of import Clinic, Tabib, open_tabib

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("clinic", ["sqlite"], indirect=True)]
DAY_SECONDS = 86_400
REFUSED = Command("UPDATE source_rows SET state = 'refused'")
KEPT_DAYS = 10
KEPT = CATALOG.replace(
    "    label: Kunjungan\n    group: Uji\n    upstream: ministry\n",
    "    label: Kunjungan\n    group: Uji\n    upstream: ministry\n"
    f"    retention: {{bodies: 3, attempts: {KEPT_DAYS}}}\n",
)


@pytest.fixture(params=[KEPT])
async def klinik(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: Database,
    database_url: str,
    clock: Clock,
    clinic: Clinic,
) -> AsyncIterator[Tabib]:
    """Yield a clinic that is read by watermark, with a visit 1 that was sent and is in the ledger."""
    opened = await open_tabib(tmp_path, database_url, clock, clinic, laravel.SOURCE, laravel.TABLES, request.param)
    await put(opened, 1, "07:00:00")
    await opened.start()
    await opened.read()
    await opened.antar.work()
    yield opened
    await opened.reader.stop()
    assert await opened.antar.counters_are_right()
    await opened.antar.hub.close()


async def put_later(klinik: Tabib, day: str, note: str = "batuk") -> None:
    """Enter visit 2 so late that the mark goes beyond visit 1, and read twice: retention is of a new day."""
    await klinik.clinic.run(f"INSERT INTO appointments VALUES (2, '{day} 08:00:00', '{note}', '{day} 08:00:00', NULL)")
    await klinik.read(60)


async def test_a_settled_row_leaves_the_ledger_with_its_attempts_and_is_not_sent_again(klinik: Tabib) -> None:
    await put_later(klinik, "2026-03-10")
    await klinik.read((KEPT_DAYS - 1) * DAY_SECONDS)
    assert "1" in await klinik.rows()
    await klinik.read(DAY_SECONDS)
    assert await klinik.rows() == {"2": ("taken", None)}  # visit 2 has not been sent
    sent = len(klinik.antar.ministry.posts)
    for _ in range(3):
        await klinik.read(DAY_SECONDS)
    await klinik.clinic.run("UPDATE appointments SET updated_at = '2026-03-22 08:00:00' WHERE id = 1")  # touched only
    await klinik.read(60)
    await klinik.antar.work()
    assert (await klinik.rows())["1"] == ("taken", None)
    assert (len(klinik.antar.ministry.posts), klinik.antar.ministry.puts) == (sent + 1, [])  # visit 2 alone


async def test_a_row_that_left_is_sent_again_when_it_was_changed(klinik: Tabib) -> None:
    await put_later(klinik, "2026-03-10")
    await klinik.read((KEPT_DAYS + 1) * DAY_SECONDS)
    assert "1" not in await klinik.rows()
    await klinik.clinic.run("UPDATE appointments SET note = 'demam', updated_at = '2026-03-21 08:00:00' WHERE id = 1")
    await klinik.read(60)
    await klinik.antar.work()
    assert [payload["note"] for payload in klinik.antar.ministry.puts] == ["demam"]


async def test_a_row_whose_record_was_set_aside_stays_for_the_case_that_it_comes_back(klinik: Tabib) -> None:
    await put_later(klinik, "2026-03-10")
    await klinik.clinic.run("UPDATE appointments SET deleted_at = starts_at, updated_at = '2026-03-10 08:02:00'")
    await klinik.read(60)
    await klinik.antar.work()
    states = {key: state for key, (state, _) in (await klinik.rows()).items()}
    assert states == {"1": "gone", "2": "gone"}
    await klinik.read(60 * DAY_SECONDS)
    assert (await klinik.rows()).keys() == {"2"}  # the withdrawal of visit 1 was sent


async def test_a_refused_row_stays_until_it_is_mended(klinik: Tabib) -> None:
    await put_later(klinik, "2026-03-10")
    await klinik.database.execute(REFUSED, {})
    await klinik.read(60 * DAY_SECONDS)
    assert (await klinik.rows()).keys() == {"1", "2"}


@pytest.mark.parametrize(
    "klinik", [KEPT.replace("    retention: {", "    foundation: true\n    retention: {")], indirect=True
)
async def test_a_master_stays(klinik: Tabib) -> None:
    await put_later(klinik, "2026-03-10")
    await klinik.read(60 * DAY_SECONDS)
    assert "1" in await klinik.rows()
