"""*Verifikasi identitas pasien*: a link for the officer, on record, without anything of a person kept."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Account, Agent, IdentityLink
from adapters.messages import message
from admin.people.permissions import Permission
from tests.admin.pages.test_delivery_page import OWN, allow, audit
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

PAGE = "/identitas/ministry"
LINK = "https://kyc.example/validation-web?token=rahasia-sekali"
OFFICER = {"name": "Petugas Uji", "nik": "3313096403900009"}


@pytest.fixture
async def answers(antar: SmallHub) -> list[IdentityLink]:
    """Let the ministry verify identities and the person ask for it; the ministry gives these answers in turn."""
    answers = [IdentityLink(LINK)]

    async def identity_link(account: Account, agent: Agent, environment: str) -> IdentityLink:
        assert (agent.name, agent.nik, environment) == (*OFFICER.values(), "demo")
        return answers.pop(0)

    antar.ministry.identity_link = identity_link  # type: ignore[attr-defined]
    upstream = antar.hub.catalog.upstreams["ministry"]
    settings = {**upstream.profile.settings, "identity_check": {"path": "/kyc"}}
    declared = replace(upstream, profile=replace(upstream.profile, settings=settings))
    antar.hub.catalog = replace(antar.hub.catalog, upstreams={"ministry": declared})
    await allow(antar, Permission.IDENTIFY)
    return answers


async def ask(person: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await person.post(PAGE, data={**OFFICER, **form}, headers=OWN)


@pytest.mark.usefixtures("answers")
async def test_an_officer_gets_a_link_and_it_is_on_record(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Verifikasi identitas pasien" in (await person.get(PAGE)).text
    answer = await ask(person)
    assert f'href="{LINK}" target="_blank" rel="noopener noreferrer"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert ("sari", "identity.link", "") in await audit(antar)


@pytest.mark.usefixtures("answers")
async def test_nothing_of_the_officer_and_no_link_is_kept(
    person: httpx.AsyncClient, antar: SmallHub, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (await ask(person)).text
    rows = await antar.hub.database.fetch(text("SELECT * FROM audit"))
    kept = "".join(capsys.readouterr()) + str([tuple(row) for row in rows])
    assert OFFICER["nik"] not in page + kept
    assert "rahasia-sekali" not in kept


async def test_a_refusal_is_told_and_is_no_link(
    person: httpx.AsyncClient, antar: SmallHub, answers: list[IdentityLink]
) -> None:
    answers[:] = [IdentityLink(problem=message("identity.refused", words="agent_nik is not valid"))]
    answer = await ask(person)
    assert answer.status_code == 502
    assert "Tautan tidak diberikan: agent_nik is not valid" in answer.text
    assert "identity.link" not in {action for _, action, _ in await audit(antar)}


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("form", [{"nik": "123"}, {"nik": ""}, {"name": " "}, {"nik": "331309640390000x"}])
async def test_an_incomplete_form_asks_nobody(person: httpx.AsyncClient, form: dict[str, str]) -> None:
    answer = await ask(person, **form)
    assert answer.status_code == 400
    assert "dengan 16 angka" in answer.text


@pytest.mark.usefixtures("answers")
async def test_who_may_not_verify_sees_neither_page_nor_menu(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert PAGE in (await person.get("/masalah")).text
    await allow(antar)
    assert (await person.get(PAGE)).status_code == 403
    assert (await ask(person)).status_code == 403
    assert PAGE not in (await person.get("/masalah")).text


async def test_an_upstream_without_such_a_page_has_none_here(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, Permission.IDENTIFY)
    assert (await person.get(PAGE)).status_code == 404
    assert (await person.get("/identitas/nowhere")).status_code == 404
