"""The SatuSehat adapter, its rules from the YAML, against every fault that the sandbox can play (faults.md, U1-U10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from adapters.base import Account, Call, Timeouts, Upstream, Verdict
from adapters.satusehat.upstream import SatuSehat
from adapters.wire.contract import Wire
from engine.catalog.catalog import load
from sandbox.embedded import running
from sandbox.faults import presets
from sandbox.world import World
from tests.adapters.memory import MemoryTokens
from tests.sandbox.samples import sample, seed_references

pytestmark = pytest.mark.anyio

PROFILE = load(Path(__file__).parents[2] / "config").upstreams["satusehat"].profile
HASTY = replace(PROFILE, timeouts=Timeouts(total=0.1))
NOW = datetime(2026, 3, 11, 1, 0, tzinfo=UTC).timestamp()
CREDENTIALS = {"client_id": "demo-client", "client_secret": "demo-secret", "organization_id": "100099001"}
READ = Call("GET", "/Organization/100099001")


def create(number: int = 0) -> Call:
    content = sample("location")
    content["identifier"][0]["value"] = f"room-{number}"
    return Call("POST", "/Location", body=orjson.dumps(content))


@dataclass
class House:
    world: World
    upstream: Upstream
    hasty: Upstream
    """Waits a tenth of a second for an answer."""
    account: Account

    def upstream_for(self, fault: str) -> Upstream:
        return self.hasty if fault in NEVER_ENDING else self.upstream


@pytest.fixture
def world() -> World:
    world = World(now=lambda: NOW)
    seed_references(world)
    return world


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with running(world) as url:
        yield url


@pytest.fixture
async def house(world: World, address: str, wire: Wire) -> AsyncIterator[House]:
    upstream, hasty = (SatuSehat(profile, MemoryTokens(), wire) for profile in (PROFILE, HASTY))
    yield House(world, upstream, hasty, Account(1, address, CREDENTIALS))
    await upstream.close()
    await hasty.close()


VERDICTS = {
    "close-after-commit": "unsure",
    "close-mid-response": "unsure",
    "empty-201": "unsure",
    "endless-body": "unsure",
    "error-in-200": "rejected",
    "expire-tokens": "accepted",
    "forbidden": "rejected",
    "gateway-500": "unsure",
    "gzip-bomb": "unsure",
    "html-403": "unavailable",
    "html-502": "unsure",
    "huge-body": "unsure",
    "internal-error": "unsure",
    "malformed-json": "unsure",
    "plain-503": "unavailable",
    "plain-504": "unsure",
    "plain-504-after-commit": "unsure",
    "quota": "unavailable",
    "quota-date": "unavailable",
    "quota-huge": "unavailable",
    "quota-negative": "unavailable",
    "quota-seconds": "unavailable",
    "redirect": "unavailable",
    "reset-after-commit": "unsure",
    "reset-before-commit": "unsure",
    "reset-mid-request": "unsure",
    "reset-mid-response": "unsure",
    "slow": "unsure",
    "slow-body": "unsure",
    "suppressed-200": "accepted",  # strikes reads only
    "suppressed-201": "unsure",
    "timeout-after-commit": "unsure",
    "timeout-before-commit": "unsure",
    "token-500": "unavailable",
    "token-refused": "unauthorized",
    "token-slow": "unavailable",
    "wrong-id-type": "accepted",  # JSON and 201: whether it holds a reference is the engine's question
}
NEVER_ENDING = {"slow", "slow-body", "timeout-after-commit", "timeout-before-commit", "token-slow"}
WAITS = {"quota-seconds": 30.0, "quota-huge": 3600.0, "quota-date": 3600.0, "quota-negative": 0.0}


def test_every_fault_of_the_sandbox_has_its_verdict() -> None:
    assert set(VERDICTS) == set(presets())


@pytest.mark.parametrize("fault", sorted(VERDICTS))
async def test_a_create_that_meets_a_fault_is_judged(house: House, fault: str) -> None:
    everywhere = fault.startswith("token-")
    house.world.faults.add(fault, times=1, **({} if everywhere else {"path": "/fhir-r4/"}))
    reply = await house.upstream_for(fault).send(create(), house.account)
    assert (reply.verdict, reply.retry_after) == (
        VERDICTS[fault],
        reply.retry_after if everywhere else WAITS.get(fault),
    )
    assert reply.sent is not everywhere
    assert reply.message or reply.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("fault", sorted(VERDICTS))
async def test_a_read_that_meets_a_fault_is_never_unsure(house: House, fault: str) -> None:
    house.world.faults.add(fault, times=1)
    reply = await house.upstream_for(fault).send(READ, house.account)
    assert reply.verdict is not Verdict.UNSURE


async def test_tokens_that_expire_under_way_are_renewed_once(house: House) -> None:
    await house.upstream.send(READ, house.account)
    house.world.faults.add("expire-tokens", times=1, after=20, path="/fhir-r4/")
    replies = await asyncio.gather(*(house.upstream.send(create(number), house.account) for number in range(64)))
    assert {reply.verdict for reply in replies} == {Verdict.ACCEPTED}
    asked = [one for one in house.world.witness.log if str(one["path"]).startswith("/oauth2")]
    assert len(asked) == 2


async def test_a_second_create_with_the_same_number_is_a_duplicate(house: House) -> None:
    replies = [await house.upstream.send(create(), house.account) for _ in range(2)]
    assert [(reply.verdict, reply.code) for reply in replies] == [("accepted", None), ("duplicate", "20002")]


async def test_a_wrong_secret_is_unauthorized(house: House) -> None:
    account = replace(house.account, credentials={**CREDENTIALS, "client_secret": "no"})
    replies = await asyncio.gather(*(house.upstream.send(create(), account) for _ in range(8)))
    assert {(reply.verdict, reply.sent) for reply in replies} == {(Verdict.UNAUTHORIZED, False)}


async def test_a_probe_sees_the_skew_of_the_clock(house: House) -> None:
    house.world.clock.skew = 600.0
    probe = await house.upstream.probe(house.account)
    assert probe.ok
    assert probe.clock_skew is not None
    assert probe.seconds > 0
