"""Rows of the hottest window that are as they were are not made and handed in again; what has changed always is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from engine.sources.schedule import OTHERS_MS
from tests.engine.sources.unheard_of import Tabib

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("clinic", ["sqlite"], indirect=True)]


@pytest.fixture
async def handed(tabib: Tabib, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of visits that have been handed in since two of them, read and sent."""
    ids: list[str] = []
    hand_in = tabib.antar.hub.intake.hand_in

    async def noted(facility: Any, into: str, records: Any, *more: Any, **named: Any) -> Any:
        ids.extend(record["id"] for record in records if into == "Visit")
        return await hand_in(facility, into, records, *more, **named)

    monkeypatch.setattr(tabib.antar.hub.intake, "hand_in", noted)
    await tabib.visit("K1", note="batuk")
    await tabib.visit("K2")
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
    await tabib.start()
    await tabib.read()
    await tabib.antar.work()
    await tabib.read(60)  # the first round was also that of the wide window, which leaves nothing known
    ids.clear()
    return ids


async def read(tabib: Tabib, handed: list[str], seconds: float = 60) -> list[str]:
    handed.clear()
    await tabib.read(seconds)
    return sorted(handed)


async def test_what_has_not_changed_is_not_handed_in_again(tabib: Tabib, handed: list[str]) -> None:
    assert await read(tabib, handed) == []
    await tabib.clinic.run("UPDATE kunjungan SET catatan = 'demam' WHERE nomor = 'K2'")
    assert await read(tabib, handed) == ["K2"]
    assert await read(tabib, handed) == []
    assert set((await tabib.rows()).values()) == {("taken", None)}


async def test_a_changed_further_row_is_a_change(tabib: Tabib, handed: list[str]) -> None:
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 2, 0)")
    assert await read(tabib, handed) == ["K1"]


async def test_all_is_handed_in_again_after_half_an_hour_and_by_the_wide_window(
    tabib: Tabib, handed: list[str]
) -> None:
    assert await read(tabib, handed, 1800) == ["K1", "K2"]
    assert await read(tabib, handed) == []
    assert await read(tabib, handed, 1700) == ["K1", "K2"]  # an hour after the start: of the wide window
    assert await read(tabib, handed) == ["K1", "K2"]  # which may have handed in something else


async def test_a_change_that_another_worker_has_read_is_taken_back_with_its_row(
    tabib: Tabib, handed: list[str]
) -> None:
    other = tabib.another_reader("second")
    await tabib.clinic.run("UPDATE kunjungan SET catatan = 'demam' WHERE nomor = 'K1'")
    tabib.clock.pass_(60)
    await other.tick()
    await other.idle()
    assert handed == []  # the one who read it last comes first
    tabib.clock.pass_(OTHERS_MS / 1000)
    await other.tick()
    await other.idle()
    assert orjson.loads((await tabib.antar.row("Visit", "K1")).record)["note"] == "demam"
    await tabib.clinic.run("UPDATE kunjungan SET catatan = 'batuk' WHERE nomor = 'K1'")  # as the first one knows it
    assert await read(tabib, handed, 66) == ["K1", "K2"]
    assert orjson.loads((await tabib.antar.row("Visit", "K1")).record)["note"] == "batuk"
    await other.stop()


async def test_a_known_row_that_disappears_is_missed(tabib: Tabib, handed: list[str]) -> None:
    await tabib.clinic.run("DELETE FROM kunjungan WHERE nomor = 'K2'")
    for _ in range(2):
        await tabib.read(60)
    assert (await tabib.rows())["K2"][0] == "gone"
    await tabib.visit("K2")
    assert "K2" in await read(tabib, handed)
    assert (await tabib.rows())["K2"] == ("taken", None)


async def test_a_worker_that_stops_leaves_its_sources_at_once_if_the_database_is_there(
    tabib: Tabib, handed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("engine.sources.schedule.leave", away)
        await tabib.reader.stop()
    await tabib.reader.stop()
    other = tabib.another_reader("second")
    tabib.clock.pass_(60)
    await other.tick()
    await other.idle()
    assert sorted(handed) == ["K1", "K2"]


async def test_a_changed_configuration_hands_all_in_again(tabib: Tabib, handed: list[str]) -> None:
    reads = tabib.antar.hub.catalog.sources["tabib"].reads
    reads["visits"] = replace(reads["visits"])  # type: ignore[index]  # as loading it anew does
    assert await read(tabib, handed) == ["K1", "K2"]
