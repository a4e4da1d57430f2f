"""Rows that disappear: withdrawn after two complete rounds, never in masses."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.database.database import Database
from engine.sources import states
from engine.sources.gone import SET_ASIDE, TOLD, laid_over
from tests.conftest import Clock
from tests.engine.sources.unheard_of import SOURCE, Clinic, Tabib, open_tabib
from tests.engine.withdrawable import WITHDRAWABLE

pytestmark = pytest.mark.anyio


async def test_a_deleted_row_is_withdrawn_after_two_complete_rounds(tabib: Tabib) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.start()
    await tabib.read()
    await tabib.antar.work()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    assert (await tabib.rows())["K1"] == ("taken", None)
    await tabib.read(60)
    await tabib.antar.work()
    assert (await tabib.rows())["K1"] == ("gone", None)
    assert tabib.antar.ministry.puts[-1]["note"] == "dibatalkan"


async def test_what_was_never_sent_is_set_aside_and_nothing_is_sent(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    await tabib.read(60)
    await tabib.antar.work()
    row = await tabib.antar.row("Visit", "K1")
    assert (row.status, row.problem) == ("ignored", SET_ASIDE)
    assert tabib.antar.ministry.posts == []


async def test_without_a_declared_withdrawal_a_person_is_told(tabib: Tabib) -> None:
    await tabib.delete_finding()
    assert (await tabib.rows())["K1/1"] == ("gone", TOLD)
    assert await tabib.antar.status("Finding", "K1-1") == "sent"


@pytest.mark.parametrize(("asks", "told", "states"), [(False, None, ["wrong"]), (True, TOLD, [])])
async def test_what_the_entry_declares_withdraws_unless_a_person_is_to_be_asked(
    asks: bool,
    told: str | None,
    states: list[str],
    tmp_path: Path,
    database: Database,
    database_url: str,
    clock: Clock,
    clinic: Clinic,
) -> None:
    source = SOURCE.replace("        into: Finding\n", "        into: Finding\n" + "        gone: ask\n" * asks)
    tabib = await open_tabib(tmp_path, database_url, clock, clinic, source, catalog=WITHDRAWABLE)
    await tabib.delete_finding()
    await tabib.antar.work()
    assert (await tabib.rows())["K1/1"] == ("gone", told)
    assert [put["state"] for put in tabib.antar.ministry.puts if put["kind"] == "Finding"] == states
    await tabib.antar.hub.close()


@pytest.mark.parametrize("was_sent", [True, False])
async def test_a_row_that_comes_back_is_sent_again(tabib: Tabib, was_sent: bool) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.start()
    await tabib.read()
    if was_sent:
        await tabib.antar.work()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    await tabib.read(60)
    await tabib.visit("K1", note="batuk")
    await tabib.read(60)
    await tabib.antar.work()
    assert (await tabib.rows())["K1"] == ("taken", None)
    assert await tabib.antar.status("Visit", "K1") == "sent"
    assert (tabib.antar.ministry.puts or tabib.antar.ministry.posts)[-1]["note"] == "batuk"


async def test_a_row_that_leaves_the_window_has_not_disappeared(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.read()
    for _ in range(3):
        await tabib.read(86_400)
    assert (await tabib.rows())["K1"] == ("taken", None)


async def test_rows_older_than_the_widest_window_leave_the_ledger(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.read()
    await tabib.read(31 * 86_400)
    assert await tabib.rows() == {}
    assert await tabib.antar.status("Visit", "K1") == "queued"


async def test_an_emptied_database_stops_the_source_and_withdraws_nothing(tabib: Tabib) -> None:
    for number in range(30):
        await tabib.visit(f"K{number}")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("DELETE FROM kunjungan")
    for _ in range(3):
        await tabib.read(60)
    state = await tabib.state()
    assert (state.state, state.fault) == ("stopped", "many_gone")
    assert '"gone":30' in state.problem
    assert {row for row, _ in (await tabib.rows()).values()} == {"taken"}


async def test_a_person_may_agree_that_many_rows_have_disappeared(tabib: Tabib) -> None:
    for number in range(30):
        await tabib.visit(f"K{number}")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    await states.agree(tabib.database, tabib.facility.id, "tabib", "sari")
    await tabib.read()
    await tabib.read(60)
    assert {row for row, _ in (await tabib.rows()).values()} == {"gone"}


async def test_a_refused_row_that_disappears_is_forgotten(tabib: Tabib) -> None:
    await tabib.visit("K1", status="?")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    assert await tabib.rows() == {}


def test_a_tree_is_laid_over_mapping_by_mapping() -> None:
    record = {"id": "1", "stage": {"code": "a", "text": "b"}, "tags": [1]}
    assert laid_over(record, {"stage": {"code": "c"}, "tags": []}) == {
        "id": "1",
        "stage": {"code": "c", "text": "b"},
        "tags": [],
    }
