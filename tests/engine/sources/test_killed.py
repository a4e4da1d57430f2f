"""A reader that is killed at each step: another one goes on, nothing is lost, twice or wrongly withdrawn."""

from __future__ import annotations

import pytest

from engine.sources.schedule import OTHERS_MS
from tests.engine.sources import dying_reader
from tests.engine.sources.unheard_of import Tabib
from tests.killed import killed

pytestmark = pytest.mark.anyio
LEASE_SECONDS = 70


async def die(tabib: Tabib, failpoint: str, mark_rows: int = 500) -> None:
    """Let another process read what is due, by batches of so many rows by watermark, and be killed on its way."""
    await killed(failpoint, dying_reader.read, tabib.antar.hub.settings, tabib.clock.now, mark_rows)


STEPS = ["source_begun", "source_made", "source_handed_in", "source_noting", "source_noted"]


@pytest.mark.parametrize("failpoint", [f"{step}:{n}" for step in STEPS for n in (1, 2)])
async def test_what_a_killed_reader_left_is_read_by_another(tabib: Tabib, failpoint: str) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.visit("K2")
    await tabib.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
    await tabib.start()
    await die(tabib, failpoint)
    await tabib.read()
    await tabib.read(LEASE_SECONDS)
    await tabib.antar.work()
    assert set((await tabib.rows()).values()) == {("taken", None)}
    assert sorted(payload["identifier"] for payload in tabib.antar.ministry.posts) == ["K1", "K1-1", "K2"]


@pytest.mark.parametrize("failpoint", ["source_withdrawn:1", "source_handed_in:1"])
async def test_a_withdrawal_is_made_once_although_its_reader_was_killed(tabib: Tabib, failpoint: str) -> None:
    await tabib.visit("K1", note="batuk")
    await tabib.visit("K2", note="pilek")
    await tabib.start()
    await tabib.read()
    await tabib.antar.work()
    before = len(tabib.antar.ministry.puts)
    await tabib.clinic.run("DELETE FROM kunjungan WHERE nomor = 'K1'")
    await tabib.read(60)
    tabib.clock.pass_(60 + OTHERS_MS / 1000)
    await die(tabib, failpoint)
    await tabib.antar.work()
    for _ in range(2):
        await tabib.read(LEASE_SECONDS)
        await tabib.antar.work()
    assert (await tabib.rows())["K1"] == ("gone", None)
    assert (await tabib.rows())["K2"] == ("taken", None)
    assert [payload["note"] for payload in tabib.antar.ministry.puts[before:]] == ["dibatalkan"]
