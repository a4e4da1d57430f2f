"""New credentials while a worker still uses the old ones: the refusal of the old ones closes no channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Account, Call, Reply, StoredToken, Verdict
from admin.text.words import english, sentence
from engine.delivery.types import Channel
from engine.facilities.cache import FacilityCache
from engine.facilities.credentials import Accounts, NoAccount
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.particulars import ORGANIZATION_ID, put_particulars
from engine.facilities.tokens import DatabaseTokens
from engine.limits.breaker import BreakerState, CircuitBreaker
from engine.sending.account import account_or_close
from engine.sending.settlement_writer import SettlementWriter
from engine.specs.text import Text
from engine.specs.upstream import Breaker, UpstreamSpec
from engine.worker import Worker
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

OLD, NEW = {"secret": "rahasia"}, {"secret": "rahasia baru"}
BREAKER = Breaker(failures=3, pause=30)
PATIENCE = 20.0


async def enter(antar: SmallHub, secrets: dict[str, str], facility_id: int | None = None) -> None:
    hub = antar.hub
    await set_credentials(hub.database, hub.vault, facility_id or antar.facility.id, "ministry", secrets)


def process(antar: SmallHub) -> tuple[Accounts, CircuitBreaker]:
    """Return the memory of one worker."""
    hub = antar.hub
    accounts = Accounts(hub.database, hub.vault, hub.settings.addresses, FacilityCache(hub.database))
    return accounts, CircuitBreaker(hub.database)


async def closed(antar: SmallHub) -> list[str]:
    return [row.reason for row in await antar.hub.database.fetch(text("SELECT reason FROM channels"))]


def note_secrets(antar: SmallHub, monkeypatch: pytest.MonkeyPatch, good: dict[str, str]) -> list[str]:
    """Keep the secrets of all requests, in order; the ministry refuses all but the good ones."""
    secrets: list[str] = []
    send = antar.ministry.send

    async def judged(call: Call, account: Account) -> Reply:
        secrets.append(account.credentials.get("secret", ""))
        if account.credentials.get("secret") == good["secret"]:
            return await send(call, account)
        if antar.ministry.hold is not None:
            await antar.ministry.hold.wait()
        return refused(Verdict.UNAUTHORIZED, 401)

    monkeypatch.setattr(antar.ministry, "send", judged)
    return secrets


@asynccontextmanager
async def at_work(antar: SmallHub, workers: int = 1) -> AsyncIterator[list[Worker]]:
    stop, made = asyncio.Event(), [Worker(antar.hub) for _ in range(workers)]
    running = [asyncio.create_task(worker.run(stop)) for worker in made]
    try:
        yield made
    finally:
        stop.set()
        await asyncio.gather(*running)


async def all_sent(antar: SmallHub) -> None:
    query = text("SELECT COUNT(*) FROM deliveries WHERE status <> 'sent'")
    async with asyncio.timeout(PATIENCE):
        while (await antar.hub.database.fetch(query))[0][0]:  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.01)


async def test_an_account_that_was_missing_a_moment_ago_closes_nothing(antar: SmallHub) -> None:
    accounts, breaker = process(antar)
    clinic = await add_facility(antar.hub.database, "baru", "Klinik Baru")
    channel, upstream = Channel("ministry", clinic.id), antar.hub.catalog.upstreams["ministry"]
    account = await accounts.get(clinic.id, upstream)
    assert isinstance(account, NoAccount)
    await enter(antar, NEW, clinic.id)
    assert not await breaker.close_without_account(channel, account.reason, account.version)
    assert await closed(antar) == []
    read = await account_or_close(accounts, breaker, channel, upstream)
    assert (read is not None and dict(read.credentials), breaker.is_open(channel)) == (NEW, True)


async def test_nine_first_entries_open_the_queue_for_every_worker(antar: SmallHub) -> None:
    processes, upstream = [process(antar) for _ in range(3)], antar.hub.catalog.upstreams["ministry"]
    for n in range(9):
        clinic = await add_facility(antar.hub.database, f"klinik-{n}", "Klinik")
        channel = Channel("ministry", clinic.id)
        assert [await account_or_close(accounts, breaker, channel, upstream) for accounts, breaker in processes] == [
            None
        ] * 3
        await enter(antar, NEW, clinic.id)
        assert all([await account_or_close(accounts, breaker, channel, upstream) for accounts, breaker in processes])
        assert {await breaker.state(channel, BREAKER) for _, breaker in processes} == {BreakerState.OPEN}
    assert await closed(antar) == []


async def test_credentials_that_are_still_missing_close_the_queue(antar: SmallHub) -> None:
    accounts, breaker = process(antar)
    channel, upstream = antar.channel, antar.hub.catalog.upstreams["ministry"]
    await enter(antar, {"secret": ""})
    assert await account_or_close(accounts, breaker, channel, upstream) is None
    assert list(map(sentence, await closed(antar))) == ["Kredensial Kementerian belum lengkap: Rahasia."]


@pytest.mark.parametrize("secrets", [OLD, NEW], ids=["the same", "others"])
async def test_a_refusal_of_what_was_replaced_meanwhile_sends_again_at_once(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]
) -> None:
    used = note_secrets(antar, monkeypatch, NEW)
    send = antar.ministry.send

    async def entered_meanwhile(call: Call, account: Account) -> Reply:
        reply = await send(call, account)
        if len(used) == 1:
            await enter(antar, secrets)
        return reply

    monkeypatch.setattr(antar.ministry, "send", entered_meanwhile)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert used == [OLD["secret"], secrets["secret"]]
    row = await antar.row("Visit", "V1")
    assert (row.status, row.tries) == (("sent", 0) if secrets == NEW else ("queued", 0))
    assert await closed(antar) == ([] if secrets == NEW else ["unauthorized"])


async def test_a_running_drain_takes_up_new_credentials(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    versions: list[int] = []
    send, entered = antar.ministry.send, asyncio.Event()

    async def entered_meanwhile(call: Call, account: Account) -> Reply:
        versions.append(account.version)
        if len(versions) == 1:
            await enter(antar, NEW)
            antar.clock.pass_(6)
            entered.set()
        await entered.wait()
        return await send(call, account)

    monkeypatch.setattr(antar.ministry, "send", entered_meanwhile)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    writer = SettlementWriter(antar.hub.database, antar.rung.add)
    settling, drain = asyncio.create_task(writer.run()), antar.drain(writer)
    await drain.run()
    settling.cancel()
    assert (len(versions), versions[0], versions[-1]) == (20, 1, 2)


async def test_two_workers_whose_requests_were_refused_send_again_with_the_new_ones(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = note_secrets(antar, monkeypatch, NEW)
    antar.ministry.hold = asyncio.Event()
    # More than one worker claims before its first request ends: else the other one has nothing to send.
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(40)))
    async with at_work(antar, 2), asyncio.timeout(PATIENCE):
        while len(used) < 4:  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.01)
        await enter(antar, NEW)
        antar.ministry.hold.set()
        await all_sent(antar)
    assert await closed(antar) == []
    assert (used.count(OLD["secret"]), used.count(NEW["secret"])) == (4, 40)


async def test_an_entry_and_a_refusal_at_the_same_moment_leave_the_queue_open(antar: SmallHub) -> None:
    breakers = [CircuitBreaker(antar.hub.database) for _ in range(4)]
    for version in range(1, 21):
        refusals = [
            breaker.close_without_account(antar.channel, f"kata {n}", version) for n, breaker in enumerate(breakers)
        ]
        await asyncio.gather(*refusals[:2], enter(antar, NEW), *refusals[2:])
        assert await closed(antar) == []


async def test_what_comes_of_a_token_for_replaced_credentials_is_forgotten(antar: SmallHub) -> None:
    tokens = DatabaseTokens(antar.hub.database, antar.hub.vault)
    before, after = (Account(antar.facility.id, "http://ministry", {}, version) for version in (1, 2))
    assert await tokens.lease(before, "ministry", 30)
    await enter(antar, NEW)
    await tokens.save(before, "ministry", StoredToken(refused_at=1.0, refusal="ditolak"))
    assert not await tokens.lease(before, "ministry", 30)
    assert await tokens.load(after, "ministry") == StoredToken()
    assert await tokens.lease(after, "ministry", 30)
    await tokens.save(after, "ministry", StoredToken("token", 1e12))
    assert (await tokens.load(before, "ministry")).value == ""
    assert (await tokens.load(after, "ministry")).value == "token"


async def test_each_entry_counts_though_the_clock_stands_or_goes_back(antar: SmallHub) -> None:
    versions: list[Any] = []
    for seconds in (0, 0, -3600):
        antar.clock.pass_(seconds)
        await enter(antar, NEW)
        [row] = await antar.hub.database.fetch(text("SELECT version FROM credentials"))
        versions.append(row.version)
    assert versions == [2, 3, 4]


def asking_for_the_id(antar: SmallHub) -> UpstreamSpec:
    """Return the upstream as one that also asks for the clinic's own id."""
    upstream = antar.hub.catalog.upstreams["ministry"]
    return replace(upstream, credentials={**upstream.credentials, ORGANIZATION_ID: Text("Nomor", "Id")})


async def test_the_clinics_own_id_is_entered_once_and_counts_for_its_upstreams(antar: SmallHub) -> None:
    (accounts, _), upstream = process(antar), asking_for_the_id(antar)
    await enter(antar, {**NEW, ORGANIZATION_ID: "of an older program"})
    account = await accounts.get(antar.facility.id, upstream, fresh=True)
    assert dict(account.credentials) == {**NEW, ORGANIZATION_ID: antar.facility.organization_id}  # type: ignore[union-attr]
    clinic = await add_facility(antar.hub.database, "baru", "Klinik Baru")
    await enter(antar, NEW, clinic.id)
    without = await accounts.get(clinic.id, upstream, fresh=True)
    assert isinstance(without, NoAccount)
    assert "Nomor" in english(without.reason)


async def test_a_new_id_is_used_at_once_and_opens_what_the_old_one_closed(antar: SmallHub) -> None:
    (accounts, breaker), upstream = process(antar), asking_for_the_id(antar)
    await enter(antar, NEW)
    before = await accounts.get(antar.facility.id, upstream, fresh=True)
    assert isinstance(before, Account)
    assert await breaker.close_without_account(antar.channel, "nomor salah", before.version)
    await antar.hub.database.write_models(put_particulars, antar.facility.id, {ORGANIZATION_ID: "100"})
    after = await accounts.get(antar.facility.id, upstream, fresh=True)
    assert isinstance(after, Account)
    assert (after.credentials[ORGANIZATION_ID], after.version) == ("100", before.version + 1)
    assert not await breaker.close_without_account(antar.channel, "nomor salah", before.version)
    assert await closed(antar) == []
