"""A source by YAML alone: rows become records, which are sent, changed, skipped and refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.delivery.status import Lane
from engine.sources import reader, states
from engine.sources.states import RoundState
from tests.engine.sources.unheard_of import TODAY, Tabib

pytestmark = pytest.mark.anyio


async def last_round(tabib: Tabib, read: str, days: int) -> RoundState:
    [found] = [
        one for one in await states.rounds(tabib.database, tabib.facility.id) if (one.read, one.days) == (read, days)
    ]
    return found


async def test_a_system_nobody_has_heard_of_is_read_by_yaml_alone(tabib: Tabib) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
    await tabib.start()
    await tabib.read()
    await tabib.antar.work()
    assert await tabib.antar.status("Visit", "K1") == "sent"
    assert await tabib.antar.status("Finding", "K1-1") == "sent"
    assert [payload.get("note") for payload in tabib.antar.ministry.posts] == ["batuk", None]
    assert await tabib.rows() == {"K1": ("taken", None), "K1/1": ("taken", None)}
    visits = await last_round(tabib, "visits", 2)
    assert (visits.rows, visits.taken, visits.refused) == (1, 1, 0)


async def test_a_corrected_row_is_sent_as_an_update(tabib: Tabib) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.start()
    await tabib.read()
    await tabib.antar.work()
    await tabib.clinic.run("UPDATE kunjungan SET catatan = 'pilek' WHERE nomor = 'K1'")
    await tabib.read(60)
    await tabib.antar.work()
    assert [payload["note"] for payload in tabib.antar.ministry.puts if "note" in payload][-1] == "pilek"


async def test_a_round_in_which_nothing_changed_stores_nothing(tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.read()
    before = await tabib.antar.row("Visit", "K1")
    await tabib.read(60)
    visits = await last_round(tabib, "visits", 2)
    assert (visits.rows, visits.taken) == (1, 0)
    assert await tabib.antar.row("Visit", "K1") == before


async def test_a_skipped_and_a_refused_row_are_told(tabib: Tabib) -> None:
    await tabib.visit("K1", status="X")
    await tabib.visit("K2", status="?")
    await tabib.clinic.run("INSERT INTO kunjungan VALUES ('K3', '2026-03-10', 'pagi', 'S', '')")
    await tabib.start()
    await tabib.read()
    rows = await tabib.rows()
    assert rows["K1"] == ("skipped", "Kunjungan percobaan tidak dikirim.")
    assert rows["K2"][0] == rows["K3"][0] == "refused"
    assert '"path":"$.done"' in (rows["K2"][1] or "")
    assert "let.began" in (rows["K3"][1] or "")
    visits = await last_round(tabib, "visits", 2)
    assert (visits.rows, visits.skipped, visits.refused) == (3, 1, 2)


async def test_a_refused_row_is_taken_when_it_is_mended(tabib: Tabib) -> None:
    await tabib.visit("K1", status="?")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("UPDATE kunjungan SET status = 'S'")
    await tabib.read(60)
    assert await tabib.rows() == {"K1": ("taken", None)}


async def test_nothing_before_the_first_day_is_read(tabib: Tabib) -> None:
    await tabib.visit("K1", day="2026-03-09")
    await tabib.start()
    await tabib.read()
    assert await tabib.rows() == {}


async def test_days_that_a_person_asks_for_are_read_once_as_backfill(tabib: Tabib) -> None:
    await tabib.visit("K1", day="2026-01-05")
    await tabib.start()
    await states.read_once(
        tabib.database, tabib.facility.id, "tabib", "visits", TODAY - timedelta(days=80), TODAY - timedelta(days=50)
    )
    await tabib.read()
    asked = await last_round(tabib, "visits", 0)
    assert (asked.due_at, asked.taken) == (None, 1)
    assert (await tabib.antar.row("Visit", "K1")).lane == Lane.BACKFILL


async def test_each_window_has_its_own_pace(tabib: Tabib) -> None:
    await tabib.start(TODAY - timedelta(days=40))
    await tabib.read()
    await tabib.visit("K1", day="2026-02-20")
    await tabib.read(60)
    assert await tabib.rows() == {}
    await tabib.read(3600)
    assert await tabib.rows() == {"K1": ("taken", None)}


async def test_a_paused_source_is_not_read(tabib: Tabib) -> None:
    await tabib.start()
    await states.pause(tabib.database, tabib.facility.id, "tabib", "sari")
    await tabib.visit("K1")
    await tabib.read(60)
    assert await tabib.rows() == {}


async def test_a_clinic_with_a_long_queue_gets_the_hottest_window_only(
    tabib: Tabib, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_QUEUED", 0)
    await tabib.antar.hand_in("Visit", {"id": "V1"})
    await tabib.visit("K1")
    await tabib.visit("K2", day="2026-02-20")
    await tabib.start(TODAY - timedelta(days=40))
    await tabib.read()
    assert await tabib.rows() == {"K1": ("taken", None)}
    await tabib.antar.work()
    await tabib.read(300)
    assert (await tabib.rows()).keys() == {"K1", "K2"}


async def test_a_round_before_midnight_reads_the_next_day_too(tabib: Tabib) -> None:
    tabib.clock.pass_(16 * 3600 - 30)  # from 08:00 in the morning to 23:59:30
    await tabib.visit("K1", day="2026-03-11")
    await tabib.start()
    await tabib.read()
    assert await tabib.rows() == {"K1": ("taken", None)}
