"""A clinic's database that cannot be read: pauses, and what a person is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.alerts.conditions import DELAY_SECONDS, ConditionKind, Thresholds, troubles
from engine.alerts.facts import facts
from engine.facilities.facilities import set_credentials
from engine.sources import schedule
from tests.engine.sources.unheard_of import Tabib

pytestmark = pytest.mark.anyio

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS nomor FROM n WHERE i < 0",
    "mariadb": "SELECT SLEEP(60) AS nomor",
}
# The one connection that reads the clinic's database is ended by the server.
KILL_READER = (
    "SET @reader = (SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID());"
    "EXECUTE IMMEDIATE CONCAT('KILL ', @reader)"
)


async def enter(tabib: Tabib, **changed: str) -> None:
    credentials = {**tabib.clinic.credentials, **changed}
    await set_credentials(tabib.database, tabib.antar.hub.vault, tabib.facility.id, "source:tabib", credentials)


async def test_a_database_that_is_away_is_tried_again_after_growing_pauses(tabib: Tabib) -> None:
    await tabib.start()
    await enter(tabib, port="1", database=str(Path("/nowhere/tabib.db")))
    pauses = []
    for _ in range(7):
        await tabib.read(60)
        state = await tabib.state()
        assert state.fault in ("away", "database")
        pauses.append((state.retry_at - tabib.clock.now) // 60_000)
        tabib.clock.now = state.retry_at - 60_000
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_a_database_that_is_back_is_read_and_the_fault_is_over(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await enter(tabib, port="1", database="/nowhere/tabib.db")
    await tabib.read()
    tabib.clock.pass_(1)
    await enter(tabib)  # new credentials end the pause
    await tabib.read()
    state = await tabib.state()
    assert (state.failing_since, state.fault, state.tries) == (None, None, 0)
    assert "K1" in await tabib.rows()


async def test_people_are_told_after_five_minutes_and_when_it_is_over(tabib: Tabib) -> None:
    await tabib.start()
    await enter(tabib, port="1", database="/nowhere/tabib.db")
    await tabib.read()
    looked = await facts(tabib.antar.hub)
    found = troubles(looked, Thresholds(0, 0), tabib.facility.id, frozenset())
    expected = ConditionKind.SOURCE if (await tabib.state()).fault == "database" else ConditionKind.SOURCE_AWAY
    assert [(one.kind, one.subject) for one in found if one.kind is not ConditionKind.WORKERS] == [(expected, "tabib")]
    assert DELAY_SECONDS.get(ConditionKind.SOURCE_AWAY) == 300
    tabib.clock.pass_(1)
    await enter(tabib)
    await tabib.read()
    assert (await facts(tabib.antar.hub)).clinics[tabib.facility.id].failing_sources == {}


@pytest.mark.parametrize("clinic", ["mariadb"], indirect=True)
async def test_a_wrong_password_is_told(tabib: Tabib) -> None:
    await tabib.start()
    await enter(tabib, user="nobody", password="wrong")
    await tabib.read()
    assert (await tabib.state()).fault == "refused"


async def test_a_renamed_column_is_told_with_its_name(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.clinic.run("ALTER TABLE kunjungan RENAME COLUMN catatan TO keterangan")
    await tabib.read()
    state = await tabib.state()
    assert state.fault == "column"
    assert "catatan" in state.problem


async def test_a_read_that_fails_alone_does_not_hold_up_the_others(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.clinic.run("ALTER TABLE temuan RENAME COLUMN hapus TO dihapus")
    for _ in range(4):
        await tabib.read(60)
    await tabib.visit("K2")
    await tabib.read(60)
    assert (await tabib.rows()).keys() == {"K1", "K2"}
    assert (await tabib.state()).fault == "column"
    await tabib.clinic.run("ALTER TABLE temuan RENAME COLUMN dihapus TO hapus")
    for _ in range(3):
        await tabib.read(600)
    assert (await tabib.state()).fault is None


async def test_a_query_that_outlives_the_patience_is_ended_and_the_other_reads_go_on(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
    source = tabib.antar.hub.catalog.sources["tabib"]
    slow = source.reads["findings"]
    query = slow.query
    object.__setattr__(source, "patience", 0.2)
    object.__setattr__(slow, "query", ENDLESS[tabib.clinic.system])
    await tabib.start()
    await tabib.read()
    assert ((await tabib.state()).fault, set(await tabib.rows())) == ("slow", {"K1"})
    object.__setattr__(slow, "query", query)
    for _ in range(3):
        await tabib.read(600)
    assert ((await tabib.state()).fault, set(await tabib.rows())) == (None, {"K1", "K1/1"})


@pytest.mark.parametrize("clinic", ["mariadb"], indirect=True)
async def test_a_connection_that_breaks_during_a_round_loses_nothing_and_sends_nothing_twice(
    tabib: Tabib, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await tabib.visit(f"K{number}")
    taken_in, intake = 0, tabib.antar.hub.intake
    hand_in = intake.hand_in

    async def cut(*arguments: Any, **named: Any) -> Any:
        nonlocal taken_in
        taken_in += 1
        if taken_in == 1:  # the rows of the first read have arrived, the next one has not begun
            await tabib.clinic.run(KILL_READER)
        return await hand_in(*arguments, **named)

    monkeypatch.setattr(intake, "hand_in", cut)
    await tabib.start()
    await tabib.read()
    assert (await tabib.state()).fault == "away"
    await tabib.read(60)
    await tabib.antar.work()
    assert set((await tabib.rows()).values()) == {("taken", None)}
    assert sorted(post["identifier"] for post in tabib.antar.ministry.posts) == [f"K{number}" for number in range(6)]
    assert (await tabib.state()).fault is None


async def test_a_missing_table_is_told_with_its_name(tabib: Tabib) -> None:
    await tabib.start()
    await tabib.clinic.run("DROP TABLE temuan")
    await tabib.read()
    state = await tabib.state()
    assert state.fault == "table"
    assert "temuan" in state.problem


@pytest.mark.parametrize("clinic", ["mariadb"], indirect=True)
async def test_missing_rights_are_told_with_the_table_until_they_are_back(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
    database = tabib.clinic.credentials["database"]
    user = f"{database}_u"
    await tabib.clinic.run(
        f"CREATE USER {user} IDENTIFIED BY 'rahasia'; GRANT SELECT ON {database}.kunjungan TO {user}"
    )
    await tabib.start()
    await enter(tabib, user=user, password="rahasia")
    await tabib.read()
    state = await tabib.state()
    assert (state.fault, "temuan" in state.problem, await tabib.rows()) == ("right", True, {})
    await tabib.clinic.run(f"GRANT SELECT ON {database}.temuan TO {user}")
    for _ in range(3):
        await tabib.read(600)
    await tabib.clinic.run(f"DROP USER {user}")
    assert ((await tabib.state()).fault, set(await tabib.rows())) == (None, {"K1", "K1/1"})


async def test_missing_credentials_are_told(tabib: Tabib) -> None:
    await tabib.start()
    await set_credentials(tabib.database, tabib.antar.hub.vault, tabib.facility.id, "source:tabib", {})
    await tabib.read()
    assert (await tabib.state()).fault == "credentials"


async def test_one_worker_reads_a_source_at_a_time(tabib: Tabib) -> None:
    await tabib.start()
    key = schedule.SourceKey(tabib.facility.id, "tabib")
    first = await schedule.lease(tabib.database, key, "first", 5)
    assert first is not None
    assert await schedule.lease(tabib.database, key, "second", 5) is None
    tabib.clock.pass_(70)
    assert await schedule.lease(tabib.database, key, "second", 5) is not None
    with pytest.raises(schedule.LeaseLost):
        await tabib.database.write(schedule.extend, first)


async def test_a_worker_that_is_asked_to_stop_gives_the_source_back(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.reader.tick()
    await asyncio.sleep(0)
    await tabib.reader.stop()
    second = tabib.another_reader("second")
    await second.tick()
    await second.idle()
    assert "K1" in await tabib.rows()


async def test_people_are_told_of_a_source_that_nobody_reads(tabib: Tabib) -> None:
    await tabib.start()
    for minutes, expected in ((29, []), (2, [ConditionKind.SOURCE_LATE])):
        tabib.clock.pass_(minutes * 60)
        found = troubles(await facts(tabib.antar.hub), Thresholds(0, 0), tabib.facility.id, frozenset())
        assert [one.kind for one in found if one.subject == "tabib"] == expected
    await tabib.read()
    assert (await facts(tabib.antar.hub)).clinics[tabib.facility.id].failing_sources == {}
