"""Paths that refuse everything: their type is paused with a reason, and the upstream's other types go on."""

from __future__ import annotations

import pytest

from adapters.base import Verdict
from adapters.messages import read_message
from engine.alerts.conditions import ConditionKind, Thresholds, troubles
from engine.alerts.facts import facts
from engine.delivery.status import Status
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.pauses.pauses import AUTOMATIC, Pause, current_pauses
from engine.sending.refused_paths import PAUSE_SECONDS, REFUSALS
from tests.engine.small_hub import Call, Reply, SmallHub, refused

pytestmark = pytest.mark.anyio


def refuse(antar: SmallHub, path: str = "/Visit") -> None:
    """Let the path answer 403 to everything."""
    answer = antar.ministry.answer

    def answered(call: Call) -> Reply:
        return (
            refused(Verdict.UNAVAILABLE, 403, pauses_path=True, message="Forbidden")
            if call.path == path
            else answer(call)
        )

    antar.ministry.answer = answered  # type: ignore[method-assign]


async def paused(antar: SmallHub) -> list[Pause]:
    return await current_pauses(antar.hub.database)


async def test_a_path_that_refuses_everything_pauses_its_type_alone(antar: SmallHub) -> None:
    refuse(antar)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(REFUSALS)))
    await antar.work()
    [pause] = await paused(antar)
    assert (pause.spec, pause.path, pause.actor) == ("Visit", "POST /Visit", AUTOMATIC)
    assert pause.ends_at == antar.clock() + PAUSE_SECONDS[0] * 1000
    message = read_message(pause.reason)
    assert message is not None
    assert message.values == {"path": "POST /Visit", "words": "Forbidden"}
    assert antar.breaker.is_open(antar.channel)
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    assert await antar.status("Person", "P1") == Status.SENT


async def test_nothing_more_is_sent_to_a_refused_path(antar: SmallHub) -> None:
    refuse(antar)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(REFUSALS)))
    await antar.work()
    calls = len(antar.ministry.calls)
    antar.clock.pass_(120)  # the retries are due
    await antar.hand_in("Visit", {"id": "later"})
    await keep_lanes(antar.hub.database)
    await antar.work()
    assert len(antar.ministry.calls) == calls
    assert await antar.status("Visit", "V0") == Status.RETRYING


async def test_all_is_sent_when_the_path_works_again(antar: SmallHub) -> None:
    working = antar.ministry.answer
    refuse(antar)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(REFUSALS)))
    await antar.work()
    antar.ministry.answer = working  # type: ignore[method-assign]
    antar.clock.pass_(PAUSE_SECONDS[0])
    await keep_lanes(antar.hub.database)
    await antar.work()
    assert {await antar.status("Visit", f"V{n}") for n in range(REFUSALS)} == {Status.SENT}
    assert await paused(antar) == []


async def test_each_pause_in_a_row_is_longer(antar: SmallHub) -> None:
    refuse(antar)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(9 * REFUSALS)))
    await antar.work()
    assert len(antar.ministry.calls) <= REFUSALS + 3 * 4  # requests in flight while the pause is stored
    await keep_lanes(antar.hub.database)
    antar.clock.pass_(PAUSE_SECONDS[0])
    await keep_lanes(antar.hub.database)
    await antar.work()
    [pause] = await paused(antar)
    assert pause.ends_at == antar.clock() + PAUSE_SECONDS[1] * 1000


async def test_one_delivery_that_is_refused_alone_pauses_nothing(antar: SmallHub) -> None:
    refuse(antar)
    await antar.hand_in("Visit", {"id": "V1"})
    for _ in range(REFUSALS + 1):
        await antar.work()
        antar.clock.pass_(120)
    assert await paused(antar) == []
    assert await antar.status("Visit", "V1") == Status.FAILED


async def test_an_acceptance_between_the_refusals_pauses_nothing(antar: SmallHub) -> None:
    for n in range(2 * REFUSALS):
        antar.ministry.script = [refused(Verdict.UNAVAILABLE, 403, pauses_path=True)] if n % 2 else []
        await antar.hand_in("Visit", {"id": f"V{n}"})
        await antar.work_once()
    assert await paused(antar) == []


async def test_people_are_alerted(antar: SmallHub) -> None:
    refuse(antar)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(REFUSALS)))
    await antar.work()
    found = troubles(await facts(antar.hub), Thresholds(30, 50), None, frozenset())
    [trouble] = [trouble for trouble in found if trouble.kind is ConditionKind.PATH]
    assert (trouble.subject, trouble.since) == ("Visit", antar.clock())
