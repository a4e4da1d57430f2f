"""Tasks of a worker under failures: none stops unnoticed, none keeps a delivery that it cannot finish."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from adapters.base import Account, Call, Reply, StoredToken, Verdict
from admin.text.words import sentence
from engine import worker as working
from engine.database.database import Database
from engine.delivery.status import Lane
from engine.delivery.types import Lease
from engine.facilities.credentials import NoAccount
from engine.facilities.facilities import set_credentials
from engine.facilities.tokens import DatabaseTokens
from engine.facilities.vault import Vault, new_key
from engine.outbox import counters
from engine.outbox.claim import LEASE_MS, begin, claim, heartbeat
from engine.sending import drain as draining
from engine.sending import references
from engine.sending import settlement_writer as settling
from engine.sending.drain import Drain
from engine.sending.settlement_writer import SettlementWriter
from engine.worker import RETURN_MS, Worker
from tests.engine.small_hub import AT, SmallHub, refused

pytestmark = pytest.mark.anyio

PATIENCE = 20.0


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.01)


async def statuses(antar: SmallHub) -> dict[str, int]:
    counts = await counters.read(antar.hub.database, antar.facility.id)
    sums = sum((Counter(by_status) for by_status in counts.values()), Counter[str]())
    return {status: n for status, n in sums.items() if n}


async def leases(antar: SmallHub) -> int:
    return len(await antar.hub.database.fetch(text("SELECT id FROM leases")))


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("", {}, Exception("the database is away"))


async def test_a_worker_that_is_stopped_begins_nothing_new(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    antar.ministry.hold = hold = asyncio.Event()
    stop_drain = Drain.stop

    def release(drain: Drain) -> None:
        stop_drain(drain)
        hold.set()

    monkeypatch.setattr(Drain, "stop", release)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(antar.hub).run(stop))
    await until(lambda: len(antar.ministry.calls) == 4)
    stop.set()
    await running
    assert await statuses(antar) == {"queued": 16, "sent": 4}
    assert (await leases(antar), len(antar.ministry.calls)) == (0, 4)


async def test_a_database_that_is_away_for_a_moment_strands_nothing(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    monkeypatch.setattr(draining, "begin", away)
    writer = SettlementWriter(antar.hub.database, antar.rung.add)
    task = asyncio.create_task(writer.run())
    with pytest.raises(OperationalError):
        await antar.drain(writer).run()
    await writer.drained()
    task.cancel()
    assert await statuses(antar) == {"queued": 5}
    monkeypatch.undo()
    await antar.work()
    assert await statuses(antar) == {"sent": 5}


async def test_an_error_nobody_thought_of_holds_no_lease_for_ever(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise LookupError

    await antar.hand_in("Visit", {"id": "V1"})
    monkeypatch.setattr(references, "look_up", broken)
    with pytest.raises(LookupError):
        await antar.work()
    monkeypatch.undo()
    antar.clock.pass_(LEASE_MS / 1000 + 1)
    await antar.work()
    await antar.work()
    assert await statuses(antar) == {"sent": 1}


async def test_what_cannot_be_written_takes_nothing_else_along(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = settling.settle

    async def picky(database: Database, settlements: Any) -> Any:
        if any(settlement.reference == "id-V1" for settlement in settlements):
            raise DBAPIError("", {}, type("Error", (Exception,), {"sqlstate": "22P05"})())
        return await write(database, settlements)

    monkeypatch.setattr(settling, "settle", picky)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    async with asyncio.timeout(PATIENCE):
        await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, bool(row.in_doubt), row.due_at) == ("unsure", True, None)
    assert await statuses(antar) == {"sent": 4, "unsure": 1}
    assert await leases(antar) == 0


async def test_a_need_whose_key_no_record_can_have_fails_alone(antar: SmallHub) -> None:
    await antar.hand_in("Finding", {"id": "F1", "visit": "V" * 201})
    await antar.hand_in("Visit", {"id": "V1"})
    async with asyncio.timeout(PATIENCE):
        await antar.work()
    assert await statuses(antar) == {"sent": 1, "failed": 1}
    assert "200" in (await antar.row("Finding", "F1")).problem


async def test_a_lease_is_held_until_its_settlements_are_written(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    beaten: list[int] = []

    async def heartbeat(_: Database, leases: Any) -> None:
        beaten.append(len(leases))

    write, written = settling.settle, asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        await written.wait()
        return await write(*arguments)

    monkeypatch.setattr(working, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(working, "heartbeat", heartbeat)
    monkeypatch.setattr(settling, "settle", slow)
    await antar.hand_in("Visit", {"id": "V1"})
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(antar.hub).run(stop))
    await until(lambda: antar.ministry.calls)
    seen = len(beaten)
    await until(lambda: len(beaten) > seen + 5)
    written.set()
    stop.set()
    await running
    assert beaten[seen:][:5] == [1] * 5


def only_sweeping(antar: SmallHub) -> Worker:
    worker = Worker(antar.hub)
    worker.ring = lambda channel: None  # type: ignore[method-assign]
    return worker


async def held_at(antar: SmallHub) -> Lease:
    """Return the lease of a delivery that is being sent, of a worker that has just swept."""
    await antar.hand_in("Visit", {"id": "V1"})
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    await begin(antar.hub.database, claimed.lease)
    return claimed.lease


async def sweep_for(antar: SmallHub, worker: Worker, seconds: int) -> None:
    for _ in range(seconds):
        antar.clock.pass_(1)
        await worker._sweep()


async def test_after_an_outage_the_living_write_before_anything_is_taken_back(antar: SmallHub) -> None:
    worker, lease = only_sweeping(antar), await held_at(antar)
    await worker._sweep()
    antar.clock.pass_(2 * LEASE_MS / 1000)
    await worker._sweep()
    await sweep_for(antar, worker, 5)
    assert await statuses(antar) == {"sending": 1}
    await heartbeat(antar.hub.database, [lease])
    await sweep_for(antar, worker, 30)
    assert await statuses(antar) == {"sending": 1}


async def test_after_an_outage_what_the_dead_held_is_taken_back(antar: SmallHub) -> None:
    worker, _ = only_sweeping(antar), await held_at(antar)
    await worker._sweep()
    antar.clock.pass_(2 * LEASE_MS / 1000)
    await worker._sweep()
    await sweep_for(antar, worker, RETURN_MS // 1000)
    assert await statuses(antar) == {"unsure": 1}


async def test_what_a_dead_worker_held_is_taken_back_when_its_lease_ends(antar: SmallHub) -> None:
    worker, _ = only_sweeping(antar), await held_at(antar)
    await sweep_for(antar, worker, LEASE_MS // 1000 + 1)
    assert await statuses(antar) == {"unsure": 1}


@pytest.mark.parametrize("task", ["sweep", "due_channels"])
async def test_a_sweep_that_breaks_once_is_swept_again(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    work, broken = getattr(working, task), [1]

    async def moody(*arguments: Any, **named: Any) -> Any:
        if broken and broken.pop():
            raise LookupError
        return await work(*arguments, **named)

    monkeypatch.setattr(working, task, moody)
    monkeypatch.setattr(working, "SWEEP_SECONDS", 0.01)
    await antar.hand_in("Visit", {"id": "V1"})
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(antar.hub).run(stop))
    await until(lambda: antar.ministry.calls)
    stop.set()
    await running


async def test_the_thorough_sweep_is_made_up_for(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[bool] = []

    async def sweep(*_: Any, thorough: bool, taking_back: bool) -> set[Any]:
        swept.append(thorough)
        return away() if len(swept) < 3 else set()

    monkeypatch.setattr(working, "sweep", sweep)
    monkeypatch.setattr(working, "SWEEP_SECONDS", 0.01)
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(antar.hub).run(stop))
    await until(lambda: len(swept) > 4)
    stop.set()
    await running
    assert swept[:5] == [True, True, True, False, False]


async def test_secrets_that_cannot_be_opened_are_said_on_the_channel(antar: SmallHub) -> None:
    other = Vault([new_key()])
    await set_credentials(antar.hub.database, other, antar.facility.id, "ministry", {"secret": "x"})
    account = await antar.hub.accounts.get(antar.facility.id, antar.hub.catalog.upstreams["ministry"])
    assert isinstance(account, NoAccount)
    assert "ANTAR_SECRET_KEY" in sentence(account.reason)


async def test_a_database_that_is_away_during_a_send_fails_no_record(antar: SmallHub) -> None:
    antar.ministry.script = [away]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, bool(row.in_doubt)) == ("retrying", False)


async def test_what_breaks_after_an_answer_keeps_its_attempts(antar: SmallHub) -> None:
    def broken(call: Call) -> Reply:
        raise LookupError

    antar.ministry.script = [refused(Verdict.DUPLICATE, 400), broken]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, bool(row.in_doubt), row.tried_version) == ("failed", True, 1)
    assert await antar.attempts() == ["create duplicate"]


async def test_a_token_sealed_with_a_key_that_was_taken_away_is_asked_for_anew(
    database: Database, antar: SmallHub
) -> None:
    account = Account(antar.facility.id, "http://ministry", version=1)
    await DatabaseTokens(database, Vault([new_key()])).save(account, "ministry", StoredToken("old", 1e12))
    assert (await DatabaseTokens(database, Vault([new_key()])).load(account, "ministry")).value == ""


async def test_a_clock_that_is_set_does_not_move_the_leases(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Database(database_url)
    if opened.dialect == "postgresql":
        await opened.synchronise()
        before, real = opened.clock(), time.time_ns()
        monkeypatch.setattr(time, "time_ns", lambda: real + 600 * 10**9)
        assert opened.clock() - before < 60_000
        await opened.synchronise()
        assert opened.clock() - before < 60_000
    await opened.close()


async def test_todays_record_overtakes_what_is_claimed_of_the_bulk(antar: SmallHub) -> None:
    antar.ministry.hold = asyncio.Event()
    await antar.hub.intake.hand_in(antar.facility, "Visit", [{"id": f"B{n}", "at": AT} for n in range(8)], Lane.BULK)
    writer = SettlementWriter(antar.hub.database, antar.rung.add)
    running, drain = asyncio.create_task(writer.run()), antar.drain(writer)
    drained = asyncio.create_task(drain.run())
    await until(lambda: len(antar.ministry.calls) == 4)
    await antar.hub.intake.hand_in(antar.facility, "Visit", [{"id": "V1", "at": AT}], Lane.TODAY)
    drain.ring()
    await until(lambda: len(drain._queue) == 5)  # V1 among the four that wait for a slot
    antar.ministry.hold.set()
    await drained
    running.cancel()
    assert [post["identifier"] for post in antar.ministry.posts].index("V1") == 4


async def test_what_workers_died_with_is_the_only_thing_in_flight(antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    died = text("UPDATE deliveries SET deaths = 2")
    await antar.hub.database.write_models(lambda tx: tx.execute(died))
    antar.ministry.hold = asyncio.Event()
    working = asyncio.create_task(antar.work())
    for sent in range(5):
        await until(lambda sent=sent: len(antar.ministry.calls) == sent + 1)  # type: ignore[misc]
        assert (await statuses(antar))["sending"] == 1
        antar.ministry.hold.set()
        antar.ministry.hold = asyncio.Event()
    antar.ministry.hold.set()
    await working
    assert await statuses(antar) == {"sent": 5}
