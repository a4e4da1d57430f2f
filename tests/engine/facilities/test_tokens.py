"""Tokens: one for all processes, encrypted in the database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from adapters.base import Account, Call, StoredToken, Verdict
from engine.actors import make_broker
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow, set_credentials
from engine.facilities.tokens import DatabaseTokens
from engine.facilities.vault import Vault, new_key
from engine.hub import Hub
from engine.settings import Settings
from sandbox.embedded import running
from sandbox.world import World

pytestmark = pytest.mark.anyio

SECRETS = {"client_id": "demo-client", "client_secret": "demo-secret", "organization_id": "100099001"}


async def test_a_token_is_kept_sealed_and_leased_to_one(database: Database, facility: FacilityRow) -> None:
    tokens, account = DatabaseTokens(database, Vault([new_key()])), Account(facility.id, "http://x")
    assert await tokens.load(account, "satusehat") == StoredToken()
    assert [await tokens.lease(account, "satusehat", 30) for _ in range(2)] == [True, False]
    kept = StoredToken("token-rahasia", 1000.0)
    await tokens.save(account, "satusehat", kept)
    [(sealed,)] = await database.fetch(text("SELECT sealed FROM tokens"))
    assert await tokens.load(account, "satusehat") == kept
    assert b"token-rahasia" not in bytes(sealed)
    assert await tokens.lease(account, "satusehat", 30)


async def send_from_two_processes(url: str, database_url: str, facility: FacilityRow, secret: str) -> list[Verdict]:
    """Read 64 times at the same moment, half from each of two independent hubs."""
    key = new_key()
    settings = Settings("demo", database_url, secret_keys=(key,), addresses={"satusehat": url})
    async with AsyncExitStack() as stack:
        hubs = [await Hub.open(settings, durable=False, broker=make_broker("memory://")) for _ in range(2)]
        for hub in hubs:
            stack.push_async_callback(hub.close)
        secrets = {**SECRETS, "client_secret": secret}
        await set_credentials(hubs[0].database, hubs[0].vault, facility.id, "satusehat", secrets)
        account = Account(facility.id, url, secrets, version=1)
        call = Call("GET", "/Organization/100099001")
        sends = [hub.upstream("satusehat").send(call, account) for hub in hubs for _ in range(32)]
        return [reply.verdict for reply in await asyncio.gather(*sends)]


async def test_many_senders_of_two_processes_ask_for_one_token(
    database: Database, database_url: str, facility: FacilityRow
) -> None:
    world = World()
    with running(world) as url:
        verdicts = await send_from_two_processes(url, database_url, facility, "demo-secret")
    assert set(verdicts) == {Verdict.ACCEPTED}
    assert world.witness.summary()["token_posts"] == 1


async def test_a_refused_secret_is_tried_once_by_all_of_them(
    database: Database, database_url: str, facility: FacilityRow
) -> None:
    world = World()
    with running(world) as url:
        verdicts = await send_from_two_processes(url, database_url, facility, "salah")
    assert set(verdicts) == {Verdict.UNAUTHORIZED}
    assert world.witness.summary()["token_posts"] == 1
