"""Patients whose words a process has stored: not sent again, and never missing from the database."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from engine.database.database import Database
from engine.database.statements import STATEMENTS
from engine.delivery.types import NewRecord
from engine.facilities.facilities import FacilityRow
from engine.outbox import patient_index
from engine.outbox.add import Batch, add
from engine.outbox.patient_index import IndexedPatients
from tests.conftest import Clock

pytestmark = pytest.mark.anyio
WORDS = [("rm-1",), ("siti",)]


def batch(facility: FacilityRow) -> Batch:
    return Batch(facility.id, "Visit", "ministry", True)


def visit(key: str, content: str = "a", norm: str = "RM-1", name: str = "Siti") -> NewRecord:
    return NewRecord(key, "2026-03-10", f'{{"id": "{key}"}}', content, patient_norm=norm, patient_name=name)


async def words(database: Database) -> list[tuple[str]]:
    return [tuple(row) for row in await database.fetch(text("SELECT word FROM patient_words ORDER BY word"))]


async def delete(database: Database, *tables: str) -> None:
    for table in tables:
        await database.on_connection(lambda connection, table=table: connection.execute(text(f"DELETE FROM {table}")))


async def test_words_of_an_indexed_patient_are_not_sent_again(database: Database, facility: FacilityRow) -> None:
    indexed = IndexedPatients()
    await add(database, batch(facility), [visit("1")], indexed)
    assert await words(database) == WORDS
    await delete(database, "patient_words")
    await add(database, batch(facility), [visit("2"), visit("1", "b")], indexed)
    assert await words(database) == []
    await add(database, batch(facility), [visit("3", name="Siti Aminah")], indexed)
    assert await words(database) == [("aminah",), *WORDS]


async def test_an_emptied_database_gets_the_words_again(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    indexed = IndexedPatients()
    await add(database, batch(facility), [visit("1")], indexed)
    await delete(database, "patient_words", "deliveries")
    clock.pass_(1)
    await add(database, batch(facility), [visit("1")], indexed)
    assert await words(database) == WORDS


async def test_an_older_database_gets_the_words_that_it_lacks(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    indexed = IndexedPatients()
    await add(database, batch(facility), [visit("0", norm="RM-0", name="Ani")], indexed)
    await add(database, batch(facility), [visit("1")], indexed)
    for lost in ("patient_words WHERE norm = 'RM-1'", "deliveries WHERE key = '1'"):
        await delete(database, lost)
    clock.pass_(1)
    await add(database, batch(facility), [visit("1")], indexed)
    assert await words(database) == [("ani",), ("rm-0",), *WORDS]


async def test_a_transaction_that_fails_teaches_nothing(database: Database, facility: FacilityRow) -> None:
    indexed = IndexedPatients()
    with pytest.raises(IntegrityError):
        await add(database, Batch(facility.id + 1, "Visit", "ministry", True), [visit("1")], indexed)
    assert indexed.last_insert is None
    assert indexed.missing({(facility.id + 1, "RM-1", "Siti")})


async def test_of_too_many_patients_the_first_are_forgotten(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_index, "MAX_PATIENTS", 2)
    indexed = IndexedPatients()
    for n in range(4):
        await add(database, batch(facility), [visit(str(n), norm=f"RM-{n}")], indexed)
    people = {(facility.id, f"RM-{n}", "Siti") for n in range(4)}
    assert {norm for _, norm, _ in indexed.missing(people)} == {"RM-0", "RM-1"}


def test_nothing_deletes_what_processes_rely_on() -> None:
    """A rule that deletes words or deliveries has to make the running processes forget these patients first."""
    lost = re.compile(r"(DELETE\s+FROM|UPDATE)\s+patient_words|DELETE\s+FROM\s+deliveries\b", re.IGNORECASE)
    statements = [(statement.place, statement.sql(statement.dialects[0])) for statement in STATEMENTS]
    assert [place for place, sql in statements if lost.search(sql)] == []
