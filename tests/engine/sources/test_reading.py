"""A source by YAML alone: rows become records, which are sent, changed and withdrawn."""

from __future__ import annotations

import pytest

from engine.sources import states
from engine.sources.states import RoundState
from tests.engine.sources.unheard_of import Tabib

pytestmark = pytest.mark.anyio


async def rounds(tabib: Tabib) -> list[RoundState]:
    return await states.rounds(tabib.database, tabib.facility.id)


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
    [visits] = [one for one in await rounds(tabib) if (one.read, one.days) == ("visits", 2)]
    assert (visits.rows, visits.taken, visits.refused) == (1, 1, 0)
