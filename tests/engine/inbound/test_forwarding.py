"""Forwarding of inbound requests to the clinic's system: in order, and repeated until accepted."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import text

from adapters.clinic_webhook import ClinicSystem, NotTaken
from adapters.outbound.networks import Network, Policy
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import Vault, new_key
from engine.inbound import requests
from engine.inbound.forwarding import BLOCKING_TRIES, LEASE_MS, NO_ADDRESS_PAUSE_MS, Forwarder
from engine.inbound.requests import CallerRequest, RequestFilter
from tests.conftest import Clock
from tests.engine.inbound.test_queue_numbers import SERVICE

pytestmark = pytest.mark.anyio

VAULT = Vault((new_key(),))
CARD = "0000000000001"
POLICY = Policy(Network.PRIVATE, "ANTAR_WEBHOOK_NETWORKS")


class System:
    """A clinic's system that accepts every request unless `refuses` says no."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self.refuses: set[Any] = set()
        self.hold: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def tell(self, his: ClinicSystem, id_: str, content: Any, at: int, patience: float) -> Any:
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        self.received.append((his.address, content["content"]["n"]))
        if content["content"]["n"] in self.refuses:
            raise NotTaken("Sistem klinik menjawab HTTP 500")


class Catalog:
    inbound = {SERVICE.name: SERVICE}  # noqa: RUF012


def handing(database: Database, system: System) -> Forwarder:
    return Forwarder(database, lambda: Catalog, VAULT, random.Random(1), POLICY, system.tell)  # type: ignore[arg-type, return-value]


async def connect(database: Database, facility: FacilityRow, address: str = "http://his/hook") -> None:
    entered = {"username": "bpjs", "password": "x", "webhook_url": address, "webhook_secret": "rahasia"}
    await set_credentials(database, VAULT, facility.id, SERVICE.account, entered)


async def ask(database: Database, facility: FacilityRow, *numbers: int) -> None:
    for n in numbers:
        asked = CallerRequest(facility, SERVICE, "take", CARD, {"n": n})
        await requests.answer(database, asked, requests.accept, lambda _: {"ok": True})


async def tick(handing: Forwarder) -> None:
    await handing.tick()
    await handing.idle()


async def untaken(database: Database) -> list[int]:
    rows = await database.fetch(text("SELECT id FROM inbound_requests WHERE taken_at IS NULL ORDER BY id"))
    return [id_ for (id_,) in rows]


async def test_requests_are_handed_on_in_order_and_once(database: Database, facility: FacilityRow) -> None:
    await connect(database, facility)
    await ask(database, facility, 1, 2, 3)
    system = System()
    await tick(handing(database, system))
    await tick(handing(database, system))
    assert [n for _, n in system.received] == [1, 2, 3]
    assert await untaken(database) == []


async def test_what_is_not_taken_is_told_again_and_holds_its_place(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await connect(database, facility)
    await ask(database, facility, 1, 2)
    system = System()
    system.refuses = {1}
    hands = handing(database, system)
    await tick(hands)
    await tick(hands)
    assert [n for _, n in system.received] == [1]
    [newest] = [row for row in await requests.newest(database, facility.id, RequestFilter(), None, 9) if row.tries]
    assert newest.problem == "Sistem klinik menjawab HTTP 500"
    system.refuses = set()
    clock.pass_(60)
    await tick(hands)
    assert [n for _, n in system.received] == [1, 1, 2]


async def test_a_request_that_is_never_taken_does_not_hold_up_the_others_for_ever(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await connect(database, facility)
    await ask(database, facility, 1)
    system = System()
    system.refuses = {1}
    hands = handing(database, system)
    for _ in range(BLOCKING_TRIES):
        await tick(hands)
        clock.pass_(1_000)
    await tick(hands)
    await ask(database, facility, 2)
    await tick(hands)
    assert system.received[-1][1] == 2


async def test_a_dead_system_holds_up_nobody_elses(database: Database, facility: FacilityRow) -> None:
    other = await add_facility(database, "lain", "Klinik Lain", organization_id="2")
    for clinic, address in ((facility, "http://dead"), (other, "http://well")):
        await connect(database, clinic, address)
        await ask(database, clinic, clinic.id)
    system, blocked = System(), asyncio.Event()

    async def slow(his: ClinicSystem, id_: str, content: Any, at: int, patience: float) -> Any:
        if his.address == "http://dead":
            await blocked.wait()
        return await system.tell(his, id_, content, at, patience)

    hands = Forwarder(database, lambda: Catalog, VAULT, random.Random(1), POLICY, slow)  # type: ignore[arg-type, return-value]
    await hands.tick()
    await system.reached.wait()
    assert system.received == [("http://well", other.id)]
    blocked.set()
    await hands.idle()


async def test_two_workers_never_tell_the_same(database: Database, facility: FacilityRow, clock: Clock) -> None:
    await connect(database, facility)
    await ask(database, facility, 1, 2, 3)
    system = System()
    await asyncio.gather(*(tick(handing(database, system)) for _ in range(4)))
    assert sorted(n for _, n in system.received) == [1, 2, 3]


async def test_what_a_dead_worker_held_is_told_after_a_while(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await connect(database, facility)
    await ask(database, facility, 1)
    system = System()
    system.hold = asyncio.Event()
    dying = handing(database, system)
    await dying.tick()
    await system.reached.wait()
    await dying._running.cancel()
    clock.pass_(LEASE_MS / 1000 + 1)
    system.hold = None
    await tick(handing(database, system))
    assert (system.received, await untaken(database)) == ([("http://his/hook", 1)], [])


async def test_without_an_address_nobody_is_told_until_there_is_one(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await ask(database, facility, 1)
    system = System()
    hands = handing(database, system)
    await tick(hands)
    assert (system.received, len(await untaken(database))) == ([], 1)
    await connect(database, facility)
    clock.pass_(NO_ADDRESS_PAUSE_MS / 1000 + 1)
    await tick(hands)
    assert len(system.received) == 1
