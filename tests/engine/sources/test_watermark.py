"""Reads by watermark: what has changed is seen by a column that grows, in order, by batches, and nothing is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.sources import states, watermark
from engine.specs import his_source
from tests.engine.sources.laravel import put
from tests.engine.sources.test_killed import LEASE_SECONDS, STEPS, die
from tests.engine.sources.unheard_of import TODAY, Tabib

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("clinic", ["sqlite", "mariadb", "postgresql"], indirect=True),
]


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(his_source, "MARK_ROWS", 2)


async def mark(klinik: Tabib) -> str | None:
    query = text("SELECT mark FROM source_rounds WHERE read = 'visits' AND days = 0")
    [row] = await klinik.database.fetch(query)
    return str(row.mark) if row.mark else None


async def counts(klinik: Tabib, days: int = 0) -> tuple[int, int, int]:
    """Return the rows, the new or changed records and the withdrawn ones of the last round."""
    [one] = [one for one in await states.rounds(klinik.database, klinik.facility.id) if one.days == days]
    return one.rows, one.taken, one.gone


async def notes(klinik: Tabib) -> list[str]:
    """Send what is due; return the notes that the upstream got, in order."""
    await klinik.antar.work()
    return [payload["note"] for payload in klinik.antar.ministry.posts + klinik.antar.ministry.puts if payload]


async def test_only_what_has_changed_is_read(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00", "batuk")
    await put(klinik, 2, "07:30:00", "pilek")
    await klinik.start()
    await klinik.read()
    assert (await counts(klinik), await mark(klinik)) == ((2, 2, 0), "2026-03-10T07:30:00")
    await put(klinik, 1, "08:00:30", "demam")
    await klinik.read(60)
    assert await counts(klinik) == (2, 1, 0)  # the second row lies within the lag
    assert "demam" in await notes(klinik)


async def test_nothing_changed_before_the_first_day_is_read(klinik: Tabib) -> None:
    await klinik.clinic.run("INSERT INTO appointments VALUES (1, NULL, 'lama', '2026-03-09 23:59:59', NULL)")
    await put(klinik, 2, "00:00:00")
    await klinik.start()
    await klinik.read()
    assert (await klinik.rows()).keys() == {"2"}


async def test_further_rows_are_those_of_the_batch(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await klinik.clinic.run("INSERT INTO findings VALUES (1, 'A02'); INSERT INTO findings VALUES (1, 'A01')")
    await klinik.start()
    await klinik.read()
    assert await notes(klinik) == ["A01"]


async def test_rows_of_the_same_second_are_all_read_across_the_edge_of_a_batch(
    klinik: Tabib, batches_of_two: None
) -> None:
    await put(klinik, 1, "07:00:00")
    for number in range(2, 9):  # seven rows of one second: more than three batches
        await put(klinik, number, "07:00:01")
    await put(klinik, 9, "07:00:02")
    await klinik.start()
    await klinik.read()
    assert len(await klinik.rows()) == 9
    assert await mark(klinik) == "2026-03-10T07:00:02"


async def test_a_transaction_that_ends_late_is_seen_within_the_lag(klinik: Tabib) -> None:
    await put(klinik, 1, "08:00:00")
    await klinik.start()
    await klinik.read()
    await put(klinik, 2, "07:58:01")  # begun before the first row, visible only now
    await klinik.read(60)
    assert (await klinik.rows()).keys() == {"1", "2"}


async def test_a_clock_that_was_ahead_hides_no_later_change(klinik: Tabib) -> None:
    await put(klinik, 1, "19:00:00")  # the clinic's clock is eleven hours ahead
    await klinik.start()
    await klinik.read()
    assert await mark(klinik) == "2026-03-10T19:00:00"
    await put(klinik, 2, "08:00:30")  # and was then set right
    await klinik.read(60)
    assert (await klinik.rows()).keys() == {"1", "2"}


async def test_a_row_that_says_it_was_deleted_is_withdrawn_at_once(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await put(klinik, 2, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.antar.work()
    await klinik.clinic.run("UPDATE appointments SET deleted_at = updated_at, updated_at = '2026-03-10 08:00:30'")
    await put(klinik, 2, "08:00:30")
    for _ in range(2):  # within the lag it is read again, and followed once
        await klinik.read(60)
    assert (await notes(klinik)).count("dibatalkan") == 1
    assert await klinik.rows() == {"1": ("gone", None), "2": ("taken", None)}


async def test_a_deleted_row_that_is_restored_is_sent_again(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.antar.work()
    await klinik.clinic.run("UPDATE appointments SET deleted_at = updated_at, updated_at = '2026-03-10 08:00:30'")
    await klinik.read(60)
    await klinik.antar.work()
    await put(klinik, 1, "08:01:30")
    await klinik.read(60)
    assert (await notes(klinik))[-1] == "batuk"
    assert await klinik.rows() == {"1": ("taken", None)}


async def test_a_row_that_was_deleted_before_it_was_ever_read_is_nothing(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await klinik.clinic.run("UPDATE appointments SET deleted_at = updated_at")
    await klinik.start()
    await klinik.read()
    assert (await klinik.rows(), await notes(klinik)) == ({}, [])


async def test_many_deletions_at_once_stop_the_source(klinik: Tabib) -> None:
    for number in range(30):
        await put(klinik, number, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.clinic.run("UPDATE appointments SET deleted_at = updated_at, updated_at = '2026-03-10 08:00:30'")
    before = await mark(klinik)
    await klinik.read(60)
    assert ((await klinik.state()).fault, await mark(klinik)) == ("many_gone", before)
    assert {state for state, _ in (await klinik.rows()).values()} == {"taken"}
    await states.agree(klinik.database, klinik.facility.id, "tabib", "sari")
    await klinik.read()
    assert {state for state, _ in (await klinik.rows()).values()} == {"gone"}


async def test_a_row_without_a_trace_is_missed_by_two_nights_of_keys(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await put(klinik, 2, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.antar.work()
    await klinik.clinic.run("DELETE FROM appointments WHERE id = 1")
    await klinik.read(17 * 3600)  # one in the morning
    assert (await counts(klinik, his_source.KEYS_DAYS), await klinik.rows()) == (
        (1, 0, 0),
        {"1": ("taken", None), "2": ("taken", None)},
    )
    await klinik.read(24 * 3600)
    assert (await klinik.rows())["1"] == ("gone", None)
    assert (await notes(klinik))[-1] == "dibatalkan"


async def test_a_row_that_one_night_missed_and_the_next_met_has_not_disappeared(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await klinik.start()
    await klinik.read()
    for night in range(4):
        await klinik.clinic.run("UPDATE appointments SET id = 1" if night % 2 else "UPDATE appointments SET id = 7")
        await klinik.read(17 * 3600 if not night else 24 * 3600)
    assert (await klinik.rows())["1"] == ("taken", None)


async def test_an_emptied_database_stops_the_source_at_night_and_withdraws_nothing(klinik: Tabib) -> None:
    for number in range(30):
        await put(klinik, number, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.clinic.run("DELETE FROM appointments")
    for _ in range(3):
        await klinik.read(24 * 3600)
    assert ((await klinik.state()).state, (await klinik.state()).fault) == ("stopped", "many_gone")
    assert {state for state, _ in (await klinik.rows()).values()} == {"taken"}


async def test_rows_out_of_order_stop_the_read_and_move_no_mark(klinik: Tabib) -> None:
    source = klinik.antar.hub.catalog.sources["tabib"]
    read = source.reads["visits"]
    turned = read.query.replace("ORDER BY updated_at, id", "ORDER BY id DESC")
    object.__setattr__(read, "query", turned)
    await put(klinik, 1, "07:00:00")
    await put(klinik, 2, "06:00:00")
    await put(klinik, 3, "07:30:00")
    await klinik.start()
    await klinik.read()
    object.__setattr__(read, "query", turned.replace("ORDER BY id DESC", "ORDER BY updated_at, id"))
    state = await klinik.state()
    assert (state.fault, "updated_at" in state.problem, await mark(klinik)) == ("mark", True, None)


async def test_a_long_catching_up_lets_the_other_reads_have_their_turn(
    klinik: Tabib, batches_of_two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermark, "MAX_BATCHES", 2)
    for number in range(1, 8):
        await put(klinik, number, f"07:00:{number:02}")
    await klinik.start()
    await klinik.read()
    first = len(await klinik.rows())
    for _ in range(4):
        await klinik.read()
    assert (first, len(await klinik.rows())) == (3, 7)


async def test_a_source_that_is_started_anew_reads_from_that_day_again(klinik: Tabib) -> None:
    await put(klinik, 1, "07:00:00")
    await klinik.start()
    await klinik.read()
    await klinik.start(TODAY)
    await klinik.read()
    assert await counts(klinik) == (1, 0, 0)


@pytest.mark.parametrize("failpoint", [f"{step}:2" for step in STEPS[1:]])
async def test_a_reader_that_is_killed_between_batches_loses_nothing(klinik: Tabib, failpoint: str) -> None:
    for number in range(1, 6):
        await put(klinik, number, f"07:00:0{number}")
    await klinik.start()
    await die(klinik, failpoint, mark_rows=2)
    await klinik.read(LEASE_SECONDS)
    assert len(await notes(klinik)) == 5
    assert set((await klinik.rows()).values()) == {("taken", None)}
    assert await mark(klinik) == "2026-03-10T07:00:05"


async def test_a_column_of_numbers_needs_a_number_to_begin_with(klinik: Tabib) -> None:
    read = klinik.antar.hub.catalog.sources["tabib"].reads["visits"]
    before = read.query
    object.__setattr__(read, "query", "SELECT id, starts_at, note, id AS updated_at, deleted_at FROM appointments")
    await put(klinik, 1, "07:00:00")
    await klinik.start()
    await klinik.read()
    object.__setattr__(read, "query", before)
    fault = "query" if klinik.clinic.system == "postgresql" else "mark"  # PostgreSQL refuses the comparison itself
    assert ((await klinik.state()).fault, await mark(klinik)) == (fault, None)
