"""Identity check of SatuSehat: its envelope, and links from the sandbox, which has an envelope of its own."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Account, Agent
from adapters.satusehat.envelope import BEGIN, END, EnvelopeError, new_key, seal, unseal
from adapters.satusehat.identity_check import link_of
from adapters.satusehat.upstream import SatuSehat
from adapters.wire.own import LeanWire
from admin.text.words import sentence
from sandbox.world import World
from tests.adapters.memory import MemoryTokens
from tests.config.shipped import catalog
from tests.conftest import SECRETS

AGENT = Agent("Petugas Uji", "3313096403900009")
KEY, OTHER = new_key(), new_key()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def upstream() -> AsyncIterator[SatuSehat]:
    wire = LeanWire()
    yield SatuSehat(catalog().upstreams["satusehat"].profile, MemoryTokens(time.time), wire)
    await wire.close()


def account(url: str) -> Account:
    return Account(1, url, SECRETS)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_sealed_is_unsealed_by_its_key_alone(content: bytes) -> None:
    sealed = seal(content, KEY.public_key())
    assert unseal(sealed, KEY) == content
    with pytest.raises(EnvelopeError):
        unseal(sealed, OTHER)


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        b"Failed to decrypt message",
        BEGIN + b"@@@" + END,
        BEGIN + END,
        BEGIN + base64.b64encode(b"x" * 300) + END,
        END + BEGIN,
        seal(b"{}", KEY.public_key()).replace(b"a", b"b"),
    ],
    ids=range(7),
)
def test_what_is_no_envelope_is_told(sealed: bytes) -> None:
    with pytest.raises(EnvelopeError):
        unseal(sealed, KEY)


@pytest.mark.anyio
async def test_a_link_leads_to_a_page_of_the_sandbox(upstream: SatuSehat, world: World, url: str) -> None:
    link = await upstream.identity_link(account(url), AGENT, "demo")
    assert link.url.startswith(f"{url}/kyc/validation-web?token=")
    assert list(world.satusehat.identity_pages.agents.values()) == [AGENT.name]
    shown = f"{link!r} {AGENT!r}"
    assert AGENT.nik not in shown
    assert link.url not in shown


@pytest.mark.anyio
async def test_a_refusal_is_told_in_the_words_of_the_upstream(upstream: SatuSehat, url: str) -> None:
    link = await upstream.identity_link(account(url), Agent("Petugas Uji", "12"), "demo")
    assert sentence(link.problem) == "Tautan tidak diberikan: agent_nik is not valid"


@pytest.mark.anyio
async def test_a_message_for_another_key_is_refused(upstream: SatuSehat, url: str) -> None:
    link = await upstream.identity_link(account(url), AGENT, "production")
    assert sentence(link.problem) == "Tautan tidak diberikan: Failed to decrypt message"


@pytest.mark.anyio
async def test_without_a_key_of_the_environment_nothing_is_sent(upstream: SatuSehat, world: World, url: str) -> None:
    link = await upstream.identity_link(account(url), AGENT, "elsewhere")
    assert sentence(link.problem).startswith("Kunci publik untuk verifikasi identitas belum diatur")
    assert not world.witness.log


@pytest.mark.anyio
async def test_an_ended_token_is_renewed_once(upstream: SatuSehat, world: World, url: str) -> None:
    await upstream.identity_link(account(url), AGENT, "demo")
    world.satusehat.tokens.expire_all()
    assert (await upstream.identity_link(account(url), AGENT, "demo")).url


@pytest.mark.parametrize(
    ("base", "url", "kept"),
    [
        ("https://api.example", "https://kyc.example/", True),
        ("https://api.example", "http://kyc.example/", False),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100/kyc", True),
        ("http://127.0.0.1:8100", "javascript:alert(1)", False),
    ],
)
def test_a_link_begins_as_a_link_to_the_upstream_does(base: str, url: str, kept: bool) -> None:
    answer = seal(b'{"data": {"url": "%b"}, "metadata": {"message": "OK"}}' % url.encode(), KEY.public_key())
    assert link_of(answer, KEY, account(base)).url == (url if kept else "")
