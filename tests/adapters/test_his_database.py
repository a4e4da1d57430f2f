"""Clinics' databases: values as templates take them, read-only snapshots, and faults with names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.his_database.connection import BATCH_ROWS, connected
from adapters.his_database.faults import FaultKind, HisFault
from adapters.his_database.queries import parameters_of, query_problem
from adapters.his_database.values import plain

pytestmark = pytest.mark.anyio
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> dict[str, str]:
    """Return the credentials of a file with a thousand rows."""
    path = tmp_path / "his.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
        connection.commit()
    return {"database": str(path)}


def test_values_are_texts_numbers_and_null() -> None:
    row = {
        "day": date(2026, 3, 10),
        "at": datetime(2026, 3, 10, 8, 30),
        "time": time(8, 30),
        "duration": timedelta(hours=8, minutes=5),
        "whole": Decimal("12.00"),
        "part": Decimal("36.8"),
        "bytes": b"Andi",
        "none": None,
    }
    assert list(plain(row).values()) == [
        *("2026-03-10", "2026-03-10 08:30:00", "08:30:00", "08:05:00", 12, 36.8, "Andi", None)
    ]


async def test_rows_come_in_batches(file: dict[str, str]) -> None:
    async with connected("sqlite", file) as connection, connection.snapshot(5) as snapshot:
        sizes = [len(rows) async for rows in snapshot.batches("SELECT a FROM t WHERE a >= :least", {"least": 100})]
    assert sizes == [BATCH_ROWS, 900 - BATCH_ROWS]


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("SELECT * FROM pasien", FaultKind.TABLE, "pasien"),
        ("SELECT nik FROM t", FaultKind.COLUMN, "nik"),
        (ENDLESS, FaultKind.SLOW, ""),
        ("DELETE FROM t", FaultKind.QUERY, "attempt to write a readonly database"),
    ],
)
async def test_a_fault_names_what_is_missing(file: dict[str, str], query: str, kind: FaultKind, name: str) -> None:
    async with connected("sqlite", file) as connection:
        with pytest.raises(HisFault) as caught:
            async with connection.snapshot(0.05) as snapshot:
                await snapshot.rows(query, {})
    assert (caught.value.kind, caught.value.name) == (kind, name)


async def test_a_file_that_is_not_there_is_away(tmp_path: Path) -> None:
    with pytest.raises(HisFault) as caught:
        async with connected("sqlite", {"database": str(tmp_path / "none.db")}):
            pass
    assert caught.value.kind is FaultKind.AWAY


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT 1", ""),
        ("  with a as (select 1) select * from a", ""),
        ("SELECT ';' AS a -- ;", ""),
        ("UPDATE t SET a = 1", "does not begin with SELECT or WITH; a source only reads"),
        ("SELECT 1; DELETE FROM t", "is more than one statement; remove the ;"),
    ],
)
def test_a_query_is_one_statement_that_reads(query: str, problem: str) -> None:
    assert query_problem(query) == problem


def test_parameters_are_found() -> None:
    assert parameters_of("SELECT a FROM t WHERE b BETWEEN :since AND :until AND c = '08:30'") == {"since", "until"}
