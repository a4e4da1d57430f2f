"""A rule ends by itself once the clinic's system hands in other values than the old one."""

from __future__ import annotations

import pytest

from engine.value_rules.mended import QUIET_MS, MendedSearch
from engine.value_rules.store import ListedRule, listed
from tests.engine.jobs.test_mend import fail, picky, run, start
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def picky_ministry(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antar.ministry, "answer", picky)


async def send_by_rule(antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    antar.clock.pass_(60)


async def hand_in(antar: SmallHub, key: str, note: str) -> None:
    await antar.hand_in("Visit", {"id": key, "note": note})
    await antar.work()
    antar.clock.pass_(60)


async def rule(antar: SmallHub) -> ListedRule:
    await MendedSearch(antar.hub.database).tick()
    return (await listed(antar.hub.database, antar.facility.id))[0]


async def test_a_rule_ends_a_quiet_day_after_a_record_came_with_another_value(antar: SmallHub) -> None:
    await send_by_rule(antar)
    await hand_in(antar, "V1", "cukup")
    assert (await rule(antar)).mended_at is not None
    antar.clock.pass_(QUIET_MS / 1000)
    ended = await rule(antar)
    assert ended.ended_at is not None
    assert ended.ended_by == ""


async def test_a_rule_that_is_still_used_stays(antar: SmallHub) -> None:
    await send_by_rule(antar)
    await hand_in(antar, "V1", "cukup")
    await rule(antar)
    antar.clock.pass_(QUIET_MS / 1000 - 60)
    await hand_in(antar, "V9", "Baik")
    assert (await rule(antar)).ended_at is None
    assert await antar.status("Visit", "V9") == "sent"


async def test_a_rule_whose_records_come_with_the_old_value_is_not_mended(antar: SmallHub) -> None:
    await send_by_rule(antar)
    await antar.hand_in("Visit", {"id": "V1", "note": "Baik", "findings": []})
    await antar.work()
    antar.clock.pass_(2 * QUIET_MS / 1000)
    assert ((await rule(antar)).mended_at, (await rule(antar)).ended_at) == (None, None)


async def test_a_rule_that_was_never_used_stays(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    antar.clock.pass_(2 * QUIET_MS / 1000)
    assert (await rule(antar)).ended_at is None
