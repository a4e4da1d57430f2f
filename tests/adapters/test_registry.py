"""Adapters that the YAML may name, and the one that sends nothing."""

from __future__ import annotations

import pytest

from adapters.base import Account, Profile, Verdict
from adapters.dryrun import DryRun
from adapters.registry import ADAPTERS
from tests.adapters.fakes import ACCOUNT, GET, POST, PUT, Clock, FakeWire, answer
from tests.adapters.memory import MemoryTokens

SIGNED = {"cons_id": "12345", "secret_key": "s", "user_key": "u"}
EVERYBODY = Account(ACCOUNT.facility_id, ACCOUNT.base_url, {**ACCOUNT.credentials, **SIGNED})
pytestmark = pytest.mark.anyio
SETTINGS = {"token_path": "/oauth2/v1/accesstoken", "probe_path": "/"}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
async def test_every_adapter_sends_probes_and_closes(name: str) -> None:
    wire = FakeWire(lambda _: answer(200, {"id": "1", "access_token": "t", "expires_in": "3599"}))
    upstream = ADAPTERS[name](Profile(name, settings=SETTINGS), MemoryTokens(), wire)
    assert (await upstream.send(POST, EVERYBODY)).verdict is Verdict.ACCEPTED
    assert (await upstream.probe(EVERYBODY)).ok
    assert list(upstream.check({"resourceType": "OperationOutcome"})) or name != "satusehat"
    await upstream.close()


async def test_a_dry_run_invents_one_reference_for_one_content() -> None:
    replies = [await DryRun().send(call, ACCOUNT) for call in (POST, POST, PUT, GET)]
    references = [reply.content["id"] for reply in replies]
    assert (references[0] == references[1], len(set(references))) == (True, 3)
    assert {(reply.sent, reply.status) for reply in replies} == {(False, None)}


async def test_a_lease_on_a_token_ends_by_itself_and_with_the_token() -> None:
    clock = Clock()
    store = MemoryTokens(clock)
    assert [await store.lease(ACCOUNT, "x", 30.0) for _ in range(2)] == [True, False]
    clock.now += 31
    assert await store.lease(ACCOUNT, "x", 30.0)
    await store.save(ACCOUNT, "x", await store.load(ACCOUNT, "x"))
    assert await store.lease(ACCOUNT, "x", 30.0)
